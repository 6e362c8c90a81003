import t from 'tap'
import { drawChart } from '../../bench/chart.ts'
import type { Row } from '../../bench/measure.ts'
import { formatFigures, formatPage, replaceFigures } from '../../bench/report.ts'
import { names } from '../../bench/start-servers.ts'

const row = (title: string, perSecond: number): Row => ({
  title,
  cells: new Map([
    [names.service, { perSecond, text: `${perSecond}/s` }],
    [names.bareFastify, { perSecond: 2 * perSecond, text: `${2 * perSecond}/s` }]
  ])
})
const rows = [row('list of 50, one token', 20_000), row('create, durable', 5_000), row('forged token rejected', 9_000)]

t.test('npm run bench writes a page with the circumstances and one table of the run', t => {
  const page = formatPage(['Date: 2026-11-28', 'Commit: abc'], [...rows, { title: 'start', cells: new Map([[names.service, { text: '400 ms' }]]) }])
  t.match(page, '- Date: 2026-11-28\n- Commit: abc\n')
  t.match(page, `|  | ${names.service} | ${names.bareFastify} |\n| --- | --- | --- |\n| list of 50, one token | 20000/s | 40000/s |\n`)
  t.match(page, '\n| start | 400 ms |  |\n')
  t.end()
})

t.test('npm run bench draws a bar for each server, in proportion to its rate', t => {
  const chart = drawChart(rows)
  const widths = Array.from(chart.matchAll(/<rect [^>]*width="([\d.]+)"/g), ([, width]) => Number(width))
  t.equal(widths.length, 6)
  t.equal((widths[0] ?? 0) * 2, widths[1])
  t.match(chart, /^<svg [^]*>40,000<\/text>[^]*<\/svg>\n$/)
  t.end()
})

t.test('npm run bench replaces the three figures in the README', t => {
  const readme = 'before\n<!-- figures of npm run bench -->\nold\n<!-- end of figures -->\nafter'
  const replaced = replaceFigures(readme, formatFigures(rows))
  t.notMatch(replaced, 'old')
  for (const figure of ['20,000 lists', '5,000 articles', '9,000 forged']) t.match(replaced, figure)
  t.match(replaced, /^before\n<!-- [^]* -->\nafter$/)
  t.end()
})
