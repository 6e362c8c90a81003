import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')

/** The files that the text names, in its order. */
function filesIn (text: string): string[] {
  return Array.from(text.matchAll(/`((?:src|plugins|routes|migrations|web|dev|bench|test|docs|\.ci)\/[\w./-]+)`/g), ([, path = '']) => path)
}

/** The files of the plugins, in the order of their registration. */
function registeredPlugins (): string[] {
  const app = readFileSync(join(root, 'src/app.ts'), 'utf8')
  const imports = new Map(Array.from(app.matchAll(/^import (\w+) from '\.\.\/(plugins\/[\w./-]+)'/gm), ([, name, path]) => [name, path]))
  return Array.from(app.matchAll(/\.register\((?:import\('\.\.\/(plugins\/[\w./-]+)'\)|(\w+))/g), ([, path, name]) => path ?? imports.get(name))
    .filter(path => path !== undefined)
}

t.test('CONTRIBUTING.md names files that exist', t => {
  const files = filesIn(page)
  t.ok(files.length > 50)
  t.strictSame(files.filter(path => !existsSync(join(root, path))), [])
  t.end()
})

t.test('CONTRIBUTING.md lists the plugins in the order of src/app.ts', t => {
  const [, walk = ''] = /\n## The walk of a request\n([^]*?)\n### /.exec(page) ?? []
  t.strictSame(filesIn(walk).filter(path => path.startsWith('plugins/')), registeredPlugins())
  t.end()
})

t.test('links in Markdown pages name files that exist', t => {
  const pages = globSync(['*.md', 'docs/*.md', 'deploy/*/README.md', 'plugins/*/README.md'], { cwd: root })
  const links = pages.flatMap(page => Array.from(readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g),
    ([, target = '']) => ({ page, path: join(root, dirname(page), target) })))
  t.ok(links.length > 20)
  t.strictSame(links.filter(({ path }) => !existsSync(path)), [])
  t.end()
})
