import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { buildWeb } from '../../web/build.ts'

const dist = fileURLToPath(new URL('../../web/dist', import.meta.url))

t.setTimeout(600_000)

t.test('the pages are built where they are older than their source, and only there', async t => {
  await buildWeb()
  utimesSync(`${dist}/index.html`, 0, 0)
  await buildWeb()
  const built = statSync(`${dist}/index.html`).mtimeMs
  t.ok(built > 0)
  await buildWeb()
  t.equal(statSync(`${dist}/index.html`).mtimeMs, built)
})

t.test('the page has no script and no style of its own, and what it needs lies beside it compressed', async t => {
  await buildWeb()
  const page = readFileSync(`${dist}/index.html`, 'utf8')
  t.notMatch(page, /<script(?![^>]* src=)|<style| style=| on\w+=/)
  t.notMatch(page, /(?:src|href)="\//, 'a proxy may serve the page under a path')
  const files = readdirSync(`${dist}/assets`)
  for (const name of files.filter(name => /\.(js|css|svg)$/.test(name))) {
    t.match(name, /-[\w-]{8}\.\w+$/)
    t.ok(files.includes(`${name}.br`) && files.includes(`${name}.gz`), name)
  }
})
