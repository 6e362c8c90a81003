import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

interface Locked {
  version?: string
  resolved?: string
  integrity?: string
  license?: string
  link?: boolean
  inBundle?: boolean
  dev?: boolean
  devOptional?: boolean
  hasInstallScript?: boolean
}

interface Manifest { dependencies?: Record<string, string>, devDependencies?: Record<string, string>, optionalDependencies?: Record<string, string> }

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/dependencies.md'), 'utf8')

function readJson<Value> (path: string): Value {
  return JSON.parse(readFileSync(join(root, path), 'utf8'))
}

/** The packages of a lock file, by path. Workspaces are links to folders of the repository. */
function locked (folder: string): [path: string, Locked][] {
  const { packages } = readJson<{ packages: Record<string, Locked> }>(join(folder, 'package-lock.json'))
  return Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && link !== true)
}

const installed = locked('.').filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true)

for (const folder of ['.', 'deploy/aws']) {
  t.test(`${folder}/package-lock.json has a SHA-512 for each package, and no source other than the registry`, t => {
    const packages = locked(folder)
    const bundles = (path: string) => packages.some(([other, { integrity }]) => integrity !== undefined && path.startsWith(`${other}/node_modules/`))
    t.ok(packages.length > 50)
    for (const [path, { integrity, inBundle, resolved = 'https://registry.npmjs.org/' }] of packages) {
      const isNamed = inBundle === true ? bundles(path) : /^sha512-[\w+/]{86}==$/.test(integrity ?? '')
      if (!isNamed || !resolved.startsWith('https://registry.npmjs.org/')) t.fail(`${path}: ${integrity} from ${resolved}`)
    }
    t.end()
  })
}

t.test('docs/dependencies.md has the number and the licences of the packages that the service installs, and none has an install script', t => {
  const maxPackages = Number(/at most (\d+) packages/.exec(page)?.[1])
  const licences = /under\s+the\s+licences\s([^]*?)\.\n/.exec(page)?.[1]?.match(/(?<=`)[^`, ]+(?=`)/g)
  t.ok(installed.length <= maxPackages, `${installed.length} packages`)
  t.strictSame([...new Set(installed.map(([, { license }]) => license))].sort(), licences?.sort())
  t.strictSame(installed.filter(([, { hasInstallScript }]) => hasInstallScript === true), [])
  t.end()
})

t.test('docs/dependencies.md has one row for each direct dependency, with its licence', t => {
  const sections = new Map(page.split('\n## ').map(section => [section.split('\n', 1)[0], [...section.matchAll(/^\| `(.+?)` \| (\S+) \|/gm)].map(([, name, licence]) => `${name} ${licence}`).sort()]))
  const service = readJson<Manifest>('package.json')
  const web = readJson<Manifest>('web/package.json')
  const aws = readJson<Manifest>('deploy/aws/package.json')
  const withLicences = (names: object = {}, folder = '.') => {
    const packages = new Map(locked(folder))
    return Object.keys(names).map(name => `${name} ${packages.get(`node_modules/${name}`)?.license}`).sort()
  }
  t.strictSame(sections.get('The service'), withLicences({ ...service.dependencies, ...service.optionalDependencies }))
  t.strictSame(sections.get('Development'), withLicences(service.devDependencies))
  t.strictSame(sections.get('The pages'), withLicences(web.devDependencies))
  t.strictSame(sections.get('deploy/aws'), withLicences({ ...aws.dependencies, ...aws.devDependencies }, 'deploy/aws'))
  t.notOk('dependencies' in web)
  t.end()
})

t.test('the service imports each of its dependencies, and no other package', t => {
  const imported = new Set(['src', 'plugins', 'routes', 'migrations'].flatMap(folder => readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(file => file.isFile() && file.name.endsWith('.ts'))
    .flatMap(file => [...readFileSync(join(file.parentPath, file.name), 'utf8').matchAll(/(?:from|import) ?\(?'((?:@[\w-]+\/)?[\w-]+)(?=[/'])/g)].map(([, name]) => name))))
  t.strictSame([...imported].sort(), Object.keys(readJson<Manifest>('package.json').dependencies ?? {}).sort())
  t.end()
})
