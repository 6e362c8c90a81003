import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The response to `GET /articles`, which the bare servers send too. */
export interface ArticleList {
  /** The file with the bytes of the body. */
  path: string
  etag: string
}

/** Creates 50 articles in the service, and stores its response to `GET /articles` in a file. */
export async function createArticleList (port: number, token: string, folder: string): Promise<ArticleList> {
  const url = `http://127.0.0.1:${port}/articles`
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  for (let n = 1; n <= 50; n++) {
    await fetch(url, { method: 'POST', headers, body: JSON.stringify({ name: `Article number ${n}` }) })
  }
  const response = await fetch(url, { headers })
  const path = join(folder, 'list.json')
  writeFileSync(path, await response.text())
  return { path, etag: response.headers.get('etag') ?? '' }
}
