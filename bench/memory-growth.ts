import { runLoad } from './load.ts'
import { readMemory, type Server } from './server.ts'

/** Prints the memory of a process while it serves a million lists with the tokens of a file. */
export async function printMemoryGrowth (server: Server, tokenFile: string): Promise<void> {
  for (let sent = 0; sent < 1_000_000;) {
    sent += (await runLoad({ port: server.port, seconds: 10, tokenFile, firstToken: sent })).requests
    const { nowMb, peakMb } = readMemory(server)
    console.log(`${sent.toString().padStart(9)} requests: ${nowMb.toFixed(0)} MB, peak ${peakMb.toFixed(0)} MB`)
  }
}
