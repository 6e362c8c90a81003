import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const run = async (code: string): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import=./src/quick-imports.ts', '--input-type=module', '--eval', code])
  return stdout
}

t.test('the service finds loaded what was imported quickly, and loads nothing of it again', async t => {
  const code = `
    import { registerHooks } from 'node:module'
    let loaded = 0
    registerHooks({
      load (url, context, nextLoad) {
        loaded++
        if (/node_modules.(kysely|@sinclair.typebox)/.test(url)) console.log(url)
        return nextLoad(url, context)
      }
    })
    await import('./src/app.ts')
    await import('./src/database/migrate.ts')
    console.log(loaded > 20)`
  t.equal(await run(code), 'true\n')
})

t.test('whatever is imported afterwards is imported as ever', async t => {
  t.equal(await run("import('./src/nothing.ts').catch(error => console.log(error.code))"), 'ERR_MODULE_NOT_FOUND\n')
})
