import type { Database } from '../database/tables.ts'
import type { User } from '../users/queries.ts'
import type { Article, ArticleListQuery } from './schemas.ts'

/** At most `limit` articles, by id. */
export async function listArticles (db: Database, { limit, after, order }: ArticleListQuery): Promise<Article[]> {
  return db.selectFrom('articles')
    .leftJoin('users', 'users.id', 'articles.author_id')
    .select(['articles.id', 'articles.name', 'users.username as author', 'articles.created_at as createdAt', 'articles.updated_at as updatedAt'])
    .$if(after !== undefined, query => query.where('articles.id', order === 'asc' ? '>' : '<', after ?? 0))
    .orderBy('articles.id', order)
    .limit(limit)
    .execute()
}

export async function insertArticle (db: Database, { name, author }: { name: string, author: User }): Promise<Article> {
  const now = new Date().toISOString()
  const { id } = await db.insertInto('articles')
    .values({ name, author_id: author.id, created_at: now, updated_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, name, author: author.username, createdAt: now, updatedAt: now }
}
