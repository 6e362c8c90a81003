import t from 'tap'
import { readTraceParent } from '../../src/telemetry/trace-context.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'

t.test('readTraceParent reads the trace, the parent span and the sampled flag', async t => {
  t.strictSame(readTraceParent(`00-${traceId}-${parentId}-01`), { traceId, parentId, sampled: true })
  t.strictSame(readTraceParent(`00-${traceId}-${parentId}-00`), { traceId, parentId, sampled: false })
  t.strictSame(readTraceParent(`00-${traceId}-${parentId}-fe`), { traceId, parentId, sampled: false })
})

t.test('readTraceParent reads the known part of a later version', async t => {
  for (const more of ['', '-', '-an extension']) {
    t.strictSame(readTraceParent(`cc-${traceId}-${parentId}-01${more}`), { traceId, parentId, sampled: true })
  }
  t.equal(readTraceParent(`cc-${traceId}-${parentId}-01.x`), undefined)
})

t.test('readTraceParent returns undefined for a malformed header', async t => {
  const good = `00-${traceId}-${parentId}-01`
  for (const header of [
    undefined, '', 'x', [good], `${good}, ${good}`, ` ${good}`, `${good} `, `${good}\n`, `${good}\r\nx: y`, good.toUpperCase(),
    `ff-${traceId}-${parentId}-01`, `0-${traceId}-${parentId}-01`, `0g-${traceId}-${parentId}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`, `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.slice(1)}-${parentId}-01`, `00-${traceId}0-${parentId}-01`, `00-${traceId}-${parentId.slice(1)}-01`, `00-${traceId}-${parentId}-1`,
    `00-${traceId}-${parentId}`, `${good}-`, `${good}-00`, `00_${traceId}_${parentId}_01`, `cc-${traceId}-${parentId}-01-${'x'.repeat(300)}`, `cc-${traceId}-${parentId}-01-\u0000`
  ]) t.equal(readTraceParent(header), undefined, JSON.stringify(header))
})
