import { sql, type SelectQueryBuilder } from 'kysely'
import { containing, pageOf, searchInSlices, type Page } from '../database/text-search.ts'
import type { Database, Tables } from '../database/tables.ts'
import type { ListQuery } from '../http/pagination.ts'
import type { User } from '../users/queries.ts'
import { refuseRemovedUser } from '../users/removed-user.ts'
import type { Article } from './schemas.ts'
import { findBlocksEnd, findSearchIndex, listArticlesInBlocks, trigramQuery } from './search-queries.ts'

/** An article with its author's id and its version, which counts its changes. */
export interface StoredArticle extends Article {
  authorId: number | null
  version: number
}

/** An article to change or delete, as it was found. Without a version, it may have been changed since. */
export type FoundArticle = Omit<StoredArticle, 'version'> & { version?: number }

/** A page of the articles, by id; with `q`, of those whose name contains it, in any case. An index needs three characters; less is a bounded scan. */
export async function listArticles (db: Database, { limit, after, order, q = '' }: ListQuery): Promise<Page<Article>> {
  const past = order === 'asc' ? '>' : '<'
  const upTo = order === 'asc' ? '<=' : '>='
  const articlesAfter = (id: number | undefined) => db.selectFrom('articles')
    .$if(id !== undefined, query => query.where('articles.id', past, id ?? 0))
    .orderBy('articles.id', order)

  if (q === '') return pageOf(await selectArticles(articlesAfter(after)).limit(limit + 1).execute(), limit)
  const [index, query] = [await findSearchIndex(db), trigramQuery(q)]
  if (index === 'blocks' && query !== undefined) {
    return searchInSlices({
      limit,
      after,
      find: range => listArticlesInBlocks(db, query, q, range, order),
      findEnd: (id, count) => findBlocksEnd(db, query, id, order, count)
    })
  }
  const isMatch = sql<boolean>`articles.name_key like ${containing(q)} escape '\\'`
  if (index === 'trigrams' && query !== undefined) return pageOf(await selectArticles(articlesAfter(after)).where(isMatch).limit(limit + 1).execute(), limit)
  return searchInSlices({
    limit,
    after,
    find: async range => selectArticles(articlesAfter(range.after))
      .$if(range.end !== undefined, query => query.where('articles.id', upTo, range.end ?? 0))
      .where(isMatch)
      .limit(range.limit).execute(),
    findEnd: async (id, count) => (await articlesAfter(id).select('articles.id').offset(count - 1).limit(1).executeTakeFirst())?.id
  })
}

export async function findArticle (db: Database, id: number): Promise<StoredArticle | undefined> {
  return selectArticles(db.selectFrom('articles'))
    .select(['articles.author_id as authorId', 'articles.version'])
    .where('articles.id', '=', id)
    .executeTakeFirst()
}

/** @throws {Problem} `no_such_user` where the foreign key `author_id` is violated: the author was removed meanwhile */
export async function insertArticle (db: Database, { name, author }: { name: string, author: User }): Promise<Article> {
  const now = new Date().toISOString()
  const { id } = await db.insertInto('articles')
    .values({ name, name_key: name.toLowerCase(), author_id: author.id, created_at: now, updated_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
    .catch(refuseRemovedUser)
  return { id, name, author: author.username, createdAt: now, updatedAt: now }
}

/** Renames an article. Returns undefined where it is gone, has another author, or is not of the version asked for. */
export async function updateArticle (db: Database, { id, authorId, version, author, createdAt }: FoundArticle, name: string): Promise<Article | undefined> {
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

/** Deletes an article, and returns its id. Returns undefined where it is gone, has another author, or is not of the version asked for. */
export async function deleteArticle (db: Database, { id, authorId, version }: FoundArticle): Promise<number | undefined> {
  const row = await db.deleteFrom('articles')
    .where('id', '=', id)
    .where('author_id', 'is not distinct from', authorId)
    .$if(version !== undefined, query => query.where('version', '=', version ?? 0))
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

function selectArticles (query: SelectQueryBuilder<Tables, 'articles', object>) {
  return query
    .leftJoin('users', 'users.id', 'articles.author_id')
    .select(['articles.id', 'articles.name', 'users.username as author', 'articles.created_at as createdAt', 'articles.updated_at as updatedAt'])
}
