import type { IncomingMessage } from 'node:http'

/**
 * A `rewriteUrl` for Fastify that removes the base path. Some proxies remove it themselves, others cannot.
 * Both work, and so do health probes that ask the service directly.
 * @param basePath such as `/articles-api`, without a trailing slash
 */
export function removeBasePath (basePath: string): (request: IncomingMessage) => string {
  return ({ url = '' }) => {
    const next = url.charAt(basePath.length)
    if (!url.startsWith(basePath) || !['', '/', '?'].includes(next)) return url
    const rest = url.slice(basePath.length)
    return next === '/' ? rest : `/${rest}`
  }
}

/** A path of the service, or a `Link` header with one, as clients outside of the proxy address it. */
export function addBasePath (basePath: string, header: string): string {
  return header.replace(/^(<?)\/(?!\/)/, `$1${basePath}/`)
}

/**
 * Whether the target of a request is the base path without the slash after it. Links in a page there would
 * lead beside it.
 */
export function lacksSlash (basePath: string, target: string): boolean {
  return target.split('?', 1)[0] === basePath
}
