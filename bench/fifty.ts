import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes fifty articles by the service at `port`; the file in `folder` that then holds the bytes of their list, and its tag. */
export async function writeFifty (port: number, token: string, folder: string): Promise<{ path: string, tag: string }> {
  const url = `http://127.0.0.1:${port}/articles`
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  for (let n = 1; n <= 50; n++) await fetch(url, { method: 'POST', headers, body: JSON.stringify({ name: `Article number ${n}` }) })
  const response = await fetch(url, { headers })
  const path = join(folder, 'list.json')
  writeFileSync(path, await response.text())
  return { path, tag: response.headers.get('etag') ?? '' }
}
