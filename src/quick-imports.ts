// Kysely and TypeBox are five hundred ES modules. Of each that another one imports, Node finds out whether it is there and
// what kind of module its package.json makes it, which takes longer than to load it. Both packages spell out what they import
// and hold nothing but ES modules, so that all of it is known. `npm start` runs this ahead of the service (`--import`), which
// finds them loaded; all else is imported as ever, and without this file the service is the same, a tenth later.

import { registerHooks } from 'node:module'

const hooks = registerHooks({
  resolve (specifier, context, nextResolve) {
    if (!specifier.startsWith('.')) return nextResolve(specifier, context)
    return { url: new URL(specifier, context.parentURL).href, format: 'module', shortCircuit: true }
  }
})
await Promise.all([import('kysely'), import('kysely/migration'), import('@sinclair/typebox')])
hooks.deregister()
