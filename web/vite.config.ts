import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

export default defineConfig({
  // The pages find their files beside them, under whatever path a proxy serves them.
  base: './',
  // The root of the repository has another React, for a tool.
  resolve: { dedupe: ['react', 'react-dom'] },
  build: {
    // The page's content security policy forbids inlined assets.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // The Authenticator is loaded on demand.
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      // These warnings depend on the speed of the machine.
      checks: { bundlerTimings: false, pluginTimings: false },
      // Amplify's "use client" has no meaning without server components.
      onLog: (level, log, handle) => { if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log) }
    }
  },
  plugins: [compressed()]
})

/** Writes a .br and a .gz beside each text file, for the service to send. */
function compressed (): Plugin {
  return {
    name: 'compressed',
    async writeBundle ({ dir = '' }) {
      const names = await readdir(dir, { recursive: true })
      await Promise.all(names.filter(name => /\.(js|css|html|svg)$/.test(name)).map(async name => {
        const bytes = await readFile(join(dir, name))
        await writeFile(join(dir, `${name}.br`), await promisify(brotliCompress)(bytes))
        await writeFile(join(dir, `${name}.gz`), await promisify(gzip)(bytes, { level: 9 }))
      }))
    }
  }
}
