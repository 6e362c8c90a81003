import { runLoad, type Load } from './load.ts'
import type { Row, Rounds } from './measure.ts'
import { median } from './median.ts'
import type { Server } from './server.ts'

/** Measures p99 of genuine requests, alone and during a flood of forged tokens over 32 other connections. */
export async function measureFlood (
  servers: Server[], tokenFile: string, forgedTokenFile: string, connections: number, { rounds, seconds }: Rounds
): Promise<Row> {
  const measured = servers.map(server => ({ server, alone: Array.from<number>([]), flooded: Array.from<number>([]) }))
  for (const { server } of measured) await runLoad({ port: server.port, seconds, tokenFile: forgedTokenFile })
  for (let round = 0; round < rounds; round++) {
    for (const { server: { port }, alone, flooded } of measured) {
      const genuine: Load = { port, seconds, connections, tokenFile }
      alone.push((await runLoad(genuine)).p99Ms)
      const [report] = await Promise.all([runLoad(genuine), runLoad({ port, seconds, tokenFile: forgedTokenFile })])
      flooded.push(report.p99Ms)
    }
  }
  const describe = (alone: number[], flooded: number[]) => `p99 ${median(alone).toFixed(2)} ms alone, ${median(flooded).toFixed(2)} ms in the flood`
  return {
    title: `list, ${connections === 1 ? '1 connection' : `${connections} connections`}, beside a flood of forged tokens`,
    cells: new Map(measured.map(({ server, alone, flooded }) => [server.name, { text: describe(alone, flooded) }]))
  }
}
