import { readFileSync } from 'node:fs'
import t from 'tap'
import { catalogue } from '../../src/problems/catalogue.ts'

t.test("the README's table of errors lists exactly the codes and statuses of the catalogue", t => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, table = ''] = /\n\| status \| `code` \|\n.*\n((?:\|.*\n)+)/.exec(readme) ?? []
  const rows = table.trimEnd().split('\n').map(row => row.split('|'))
  const codes = rows.flatMap(([, , codes = '']) => codes.split(',').map(code => code.trim().replaceAll('`', '')))
  const statuses = rows.flatMap(([, statuses = '']) => Array.from(statuses.matchAll(/\d{3}/g), ([status]) => Number(status)))
  t.strictSame(codes.sort(), Object.keys(catalogue).sort())
  t.strictSame([...new Set(statuses)].sort(), [...new Set(Object.values(catalogue).map(([status]) => status))].sort())
  t.end()
})
