import { sql, type SelectQueryBuilder } from 'kysely'
import type { Database, Tables } from '../database/tables.ts'
import { containing } from '../database/text-search.ts'
import type { User } from '../users/queries.ts'
import { refuseRemovedUser } from '../users/removed-user.ts'
import type { Article } from './schemas.ts'

/** An article with the id of its author and its version, which counts its changes. */
export interface StoredArticle extends Article {
  authorId: number | null
  version: number
}

/** A part of the articles, in the order of their ids. */
export interface ArticleRange {
  order: 'asc' | 'desc'
  /** The id before the first. */
  after?: number | undefined
  /** The last id. */
  end?: number | undefined
  limit: number
}

/**
 * Lists the articles of a range in the order of their ids. With `text`, only those whose name contains it in
 * any case.
 */
export async function listArticles (db: Database, { order, after, end, limit }: ArticleRange, text?: string): Promise<Article[]> {
  return selectArticles(articlesPast(db, order, after))
    .$if(end !== undefined, query => query.where('articles.id', order === 'asc' ? '<=' : '>=', end ?? 0))
    .$if(text !== undefined, query => query.where(sql<boolean>`articles.name_key like ${containing(text ?? '')} escape '\\'`))
    .limit(limit).execute()
}

/** Finds the id of the `count`th article past `after`, or undefined where there are fewer. */
export async function findNthArticleId (
  db: Database, count: number, { order, after }: Pick<ArticleRange, 'order' | 'after'>
): Promise<number | undefined> {
  const row = await articlesPast(db, order, after).select('articles.id').offset(count - 1).limit(1).executeTakeFirst()
  return row?.id
}

/** Finds an article, or undefined. */
export async function findArticle (db: Database, id: number): Promise<StoredArticle | undefined> {
  return selectArticles(db.selectFrom('articles'))
    .select(['articles.author_id as authorId', 'articles.version'])
    .where('articles.id', '=', id)
    .executeTakeFirst()
}

/**
 * Inserts an article and returns it.
 * @throws {Problem} `no_such_user` where the author was removed meanwhile, which violates the foreign key
 *   `author_id`
 */
export async function insertArticle (db: Database, { name, author }: { name: string, author: User }): Promise<Article> {
  const now = new Date().toISOString()
  const { id } = await db.insertInto('articles')
    .values({ name, name_key: name.toLowerCase(), author_id: author.id, created_at: now, updated_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
    .catch(refuseRemovedUser)
  return { id, name, author: author.username, createdAt: now, updatedAt: now }
}

/**
 * Renames an article and returns it. Returns undefined where no article has this id, author and version.
 * @param version undefined for any version
 */
export async function updateArticle (
  db: Database, { id, authorId, author, createdAt }: StoredArticle, version: number | undefined, name: string
): Promise<Article | undefined> {
  const now = new Date().toISOString()
  const row = await db.updateTable('articles')
    .set(({ eb }) => ({ name, name_key: name.toLowerCase(), updated_at: now, version: eb('version', '+', 1) }))
    .where('id', '=', id)
    .where('author_id', 'is not distinct from', authorId)
    .$if(version !== undefined, query => query.where('version', '=', version ?? 0))
    .returning('id')
    .executeTakeFirst()
  return row && { id, name, author, createdAt, updatedAt: now }
}

/**
 * Deletes an article and returns its id. Returns undefined where no article has this id, author and version.
 * @param version undefined for any version
 */
export async function deleteArticle (
  db: Database, { id, authorId }: StoredArticle, version: number | undefined
): Promise<number | undefined> {
  const row = await db.deleteFrom('articles')
    .where('id', '=', id)
    .where('author_id', 'is not distinct from', authorId)
    .$if(version !== undefined, query => query.where('version', '=', version ?? 0))
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

function articlesPast (db: Database, order: 'asc' | 'desc', after: number | undefined) {
  return db.selectFrom('articles')
    .$if(after !== undefined, query => query.where('articles.id', order === 'asc' ? '>' : '<', after ?? 0))
    .orderBy('articles.id', order)
}

function selectArticles (query: SelectQueryBuilder<Tables, 'articles', object>) {
  return query
    .leftJoin('users', 'users.id', 'articles.author_id')
    .select([
      'articles.id',
      'articles.name',
      'users.username as author',
      'articles.created_at as createdAt',
      'articles.updated_at as updatedAt'
    ])
}
