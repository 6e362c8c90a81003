import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { drawChart } from './chart.ts'
import type { Row, Rounds } from './measure.ts'
import { names } from './start-servers.ts'

/** The circumstances of a run, which its figures depend on: one text for each line. */
export function describeRun ({ rounds, seconds }: Rounds): string[] {
  const arguments_ = process.argv.slice(2).join(' ')
  return [
    `Date: ${new Date().toISOString().slice(0, 10)}`,
    `Machine: ${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory, Node ${process.version}`,
    `Command: npm run bench${arguments_ === '' ? '' : ` -- ${arguments_}`}`,
    `Commit: ${readCommit()}`,
    `Rounds: medians of ${rounds} interleaved rounds of ${seconds} s each, over 32 connections unless the row says otherwise`
  ]
}

export function printRow ({ title, cells }: Row): void {
  console.log(`\n${title}`)
  for (const [name, { text }] of cells) console.log(`  ${name.padEnd(26)} ${text}`)
}

/** Writes the page with the table of a run, its chart, and three figures in the README. */
export function writeReport (about: string[], rows: Row[]): void {
  writeFileSync(pathOf('docs/benchmarks.md'), formatPage(about, rows))
  writeFileSync(pathOf('docs/benchmarks.svg'), drawChart(rows))
  const readme = readFileSync(pathOf('README.md'), 'utf8')
  writeFileSync(pathOf('README.md'), replaceFigures(readme, formatFigures(rows)))
  console.log('\nwrote docs/benchmarks.md, docs/benchmarks.svg and the figures in README.md')
}

export function formatPage (about: string[], rows: Row[]): string {
  const columns = [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))]
  const table = [
    ['', ...columns],
    columns.concat('').map(() => '---'),
    ...rows.map(({ title, cells }) => [title, ...columns.map(name => cells.get(name)?.text ?? '')])
  ]
  return `# Benchmarks

<!-- npm run bench writes this page and benchmarks.svg. -->

![Requests per second of each server](benchmarks.svg)

All figures are from one run:

${about.map(line => `- ${line}`).join('\n')}

${table.map(cells => `| ${cells.join(' | ')} |`).join('\n')}

## How to read the table

- The load generator and the databases use the same cores as the servers.
- The load comes over loopback. Response batching is measured over loopback only, where it helps most: a write wakes a
  reader on the same cores.
- "CPU" is the time of the server process for one request.
- "p50" and "p99" are the 50th and 99th percentile of the response time.
- "Straightforward" is \`@fastify/jwt\`, \`get-jwks\` and Kysely as their READMEs show them. "Express" is Express 5 with
  \`aws-jwt-verify\`. Both use SQLite.
- Bare Fastify sends the same bytes without authentication, log and database.
- Every create is flushed to disk before its response. Only this service heeds an \`Idempotency-Key\`.
- \`npm run bench -- overload\`, \`npm run bench -- million\` and \`npm run bench -- --only memory\` measure overload, deep
  pages and the growth of memory.
`
}

/** Three figures of the service on SQLite, for the README. */
export function formatFigures (rows: Row[]): string {
  const perSecond = (title: string) => Math.round(rows.find(row => row.title === title)?.cells.get(names.service)?.perSecond ?? NaN).toLocaleString('en')
  return `In [one run](docs/benchmarks.md) on ${availableParallelism()} cores, one process on SQLite answers ${perSecond('list of 50, one token')} lists a second,
creates ${perSecond('create, durable')} articles a second on disk, and rejects ${perSecond('forged token rejected')} forged tokens a second.`
}

/** Replaces the text between the two marks in the README. */
export function replaceFigures (readme: string, figures: string): string {
  return readme.replace(/(<!-- figures of npm run bench -->\n)[^]*(\n<!-- end of figures -->)/, (_match, begin, end) => begin + figures + end)
}

function readCommit (): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
    const isDirty = git('status', '--porcelain', '--untracked-files=no') !== ''
    return git('rev-parse', '--short', 'HEAD') + (isDirty ? ', with uncommitted changes' : '')
  } catch {
    return 'unknown'
  }
}

function pathOf (name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url))
}
