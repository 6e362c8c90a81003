import type { Cell, Row } from './measure.ts'

const width = 720
const labelWidth = 200
const valueWidth = 90
const barHeight = 18
const rowHeight = 24
const titleHeight = 34

/** The scenarios of the chart, by their titles in the table. */
const scenarios = ['list of 50, one token', 'list of 50, each token new', 'forged token rejected', 'create, durable']

/** Draws requests per second as an SVG: a group of bars for each scenario, with a scale of its own. */
export function drawChart (rows: Row[]): string {
  const shapes: string[] = []
  let y = 0
  for (const { title, cells } of rows.filter(({ title }) => scenarios.includes(title))) {
    shapes.push(text(0, y + 22, `${title}, requests per second`, 'title'))
    y += titleHeight
    const max = Math.max(...Array.from(cells.values(), perSecondOf))
    for (const [name, cell] of cells) {
      const length = Math.max(1, perSecondOf(cell) / max * (width - labelWidth - valueWidth))
      const kind = name.startsWith('this service') ? 'own' : 'other'
      shapes.push(
        text(0, y + 13, name, 'label'),
        `<rect class="${kind}" x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2"/>`,
        text(labelWidth + length + 6, y + 13, Math.round(perSecondOf(cell)).toLocaleString('en'), 'label')
      )
      y += rowHeight
    }
    y += 8
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img" aria-label="Requests per second">
<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .own { fill: #0f766e }
  .other { fill: #9ca3af }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .own { fill: #2dd4bf } .other { fill: #6b7280 } }
</style>
${shapes.join('\n')}
</svg>
`
}

function perSecondOf ({ perSecond = 0 }: Cell): number {
  return perSecond
}

function text (x: number, y: number, content: string, kind: string): string {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`
}
