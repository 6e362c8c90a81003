import { listArticlePage } from '../../src/articles/list-page.ts'
import type { Article } from '../../src/articles/schemas.ts'
import { openDatabase } from '../../src/database/open.ts'
import type { Client } from './client.ts'

export interface Comparison {
  /** Articles that are in the database as they were acknowledged. */
  found: number
  /** Articles whose last write had no response. */
  uncertain: number
  /** The differences. */
  wrong: string[]
}

/** Compares the database with the responses that the clients got, after the service has stopped. */
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
  const expectedIds = new Set(clients.flatMap(({ articles, uncertain }) => [...articles.keys(), ...uncertain.ids]))
  const uncertainNames = new Set(clients.flatMap(({ uncertain }) => [...uncertain.names]))
  for (const article of stored.values()) {
    if (!expectedIds.has(article.id) && !uncertainNames.has(article.name)) wrong.push(`the database has ${JSON.stringify(article)}, which was deleted or created twice`)
  }
  return { found, uncertain: clients.reduce((sum, { uncertain }) => sum + uncertain.ids.size + uncertain.names.size, 0), wrong }
}

async function readArticles (url: string): Promise<Map<number, Article>> {
  const database = openDatabase(url, { mustExist: true })
  try {
    const articles = new Map<number, Article>()
    for (let after: number | undefined = 0; after !== undefined;) {
      const { rows, next }: Awaited<ReturnType<typeof listArticlePage>> = await listArticlePage(database.db, { limit: 1_000, after, order: 'asc' })
      for (const article of rows) articles.set(article.id, article)
      after = next
    }
    return articles
  } finally {
    await database.close()
  }
}
