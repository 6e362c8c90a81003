import { listArticlePage } from '../../src/articles/list-page.ts'
import type { Article } from '../../src/articles/schemas.ts'
import { openDatabase } from '../../src/database/open.ts'
import type { Client } from './client.ts'

export interface Comparison {
  /** Articles that were acknowledged, and are in the database as they were. */
  found: number
  /** Articles of which the client does not know what became. */
  doubtful: number
  wrong: string[]
}

/** Holds what the clients were told against what the database has, when nothing runs on it any more. */
export async function compare (url: string, clients: Client[]): Promise<Comparison> {
  const stored = await readArticles(url)
  const wrong: string[] = []
  let found = 0
  for (const client of clients) {
    for (const { id, name, author } of client.articles.values()) {
      const article = stored.get(id)
      if (article?.name === name && article.author === (author.removed ? null : author.username)) found++
      else wrong.push(`article ${id} was acknowledged as ${name} by ${author.removed ? 'nobody' : author.username}; the database has ${JSON.stringify(article)}`)
    }
  }
  const known = new Set(clients.flatMap(({ articles, doubtful }) => [...articles.keys(), ...doubtful.ids]))
  const names = new Set(clients.flatMap(({ doubtful }) => [...doubtful.names]))
  for (const article of stored.values()) {
    if (!known.has(article.id) && !names.has(article.name)) wrong.push(`the database has ${JSON.stringify(article)}, which was deleted, or made twice`)
  }
  return { found, doubtful: clients.reduce((sum, { doubtful }) => sum + doubtful.ids.size + doubtful.names.size, 0), wrong }
}

async function readArticles (url: string): Promise<Map<number, Article>> {
  const db = openDatabase(url, { mustExist: true })
  try {
    const articles = new Map<number, Article>()
    for (let after: number | undefined = 0; after !== undefined;) {
      const { rows, next }: Awaited<ReturnType<typeof listArticlePage>> = await listArticlePage(db, { limit: 1_000, after, order: 'asc' })
      for (const article of rows) articles.set(article.id, article)
      after = next
    }
    return articles
  } finally {
    await db.destroy()
  }
}
