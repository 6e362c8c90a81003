import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { findFaults } from './language.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const patterns = [
  '*.md', '*.js', '*.yaml', 'Dockerfile', '.env.example', '.ci/run', '.github/**/*.{md,yml,yaml}', 'docs/**/*.md',
  '{src,plugins,routes,migrations,test,dev,bench,web,deploy}/**/*.{ts,tsx,js,md,yaml,sh,cfg,lua}'
]
const exclude = ['**/node_modules/**', '**/dist/**', '**/cdk.out/**', '**/.tap/**', '**/api.ts']

t.test('comments and pages are plain English', t => {
  const files = globSync(patterns, { cwd: root, exclude })
  t.ok(files.length > 100)
  for (const file of files) {
    for (const { line, rule, text } of findFaults(file, readFileSync(join(root, file), 'utf8'))) t.fail(`${file}:${line}: ${rule}`, { text })
  }
  t.end()
})

t.test('findFaults reports a long line, a long sentence and a sentence without a subject', t => {
  const words = (count: number) => 'word '.repeat(count).trim()
  const rulesOf = (file: string, text: string) => findFaults(file, text).map(({ line, rule }) => `${line}: ${rule}`)

  t.strictSame(rulesOf('a.ts', `const a = 1\n// ${'x'.repeat(108)}\n`), ['2: a line has at most 110 columns'])
  t.strictSame(rulesOf('a.ts', `/**\n * Short.\n * A ${words(10)}\n * ${words(15)}.\n */`), ['2: a sentence has at most 25 words, and this has 26'])
  t.strictSame(rulesOf('a.ts', '// Good. Whoever asks is rejected.'), ['1: a sentence has a noun as its subject'])
  t.strictSame(rulesOf('a.md', 'Text.\n\n- Item.\n- What is left stays.'), ['4: a sentence has a noun as its subject'])
  t.strictSame(rulesOf('a.yaml', 'a: 1\n# Those wait.'), ['2: a sentence has a noun as its subject'])
  t.end()
})

t.test('findFaults ignores code, tables, links and questions', t => {
  const row = `| ${'word '.repeat(40)} |`
  const link = `See [the page](https://example.com/${'x'.repeat(100)}).`
  t.strictSame(findFaults('a.md', `# What it is\n\n${row}\n\n\`\`\`\n${'word '.repeat(40)}\n\`\`\`\n\n${link}\nWhat is a claim?\n`), [])
  t.strictSame(findFaults('a.ts', `const text = 'Whose ${'word '.repeat(40)}'\n// \`${'word '.repeat(15)}\` is one word.`), [])
  t.end()
})
