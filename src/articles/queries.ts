import { sql, type SelectQueryBuilder } from 'kysely'
import type { Database, Tables } from '../database/tables.ts'
import type { User } from '../users/queries.ts'
import type { Article, ArticleListQuery } from './schemas.ts'

/** Part of a list. `next` is the id after which it goes on, undefined at its end. */
export interface ArticlePage {
  articles: Article[]
  next: number | undefined
}

/** An article with what is needed to change it: who may, and since when nobody else has. */
export interface StoredArticle extends Article {
  authorId: number | null
  version: number
}

/** A page of articles by id. */
export async function listArticles (db: Database, query: ArticleListQuery): Promise<ArticlePage> {
  const { limit, q = '' } = query
  if (q !== '') return searchArticles(db, query, q)
  const found = await selectArticles(db.selectFrom('articles').$call(pageAfter(query))).limit(limit + 1).execute()
  const articles = found.slice(0, limit)
  return { articles, next: found.length > limit ? articles.at(-1)?.id : undefined }
}

// No index finds a part of a name, and the databases share none that would. So a search looks at no more than so many
// articles a request, in slices so short that other requests go on between them; what is left is the next page's.
const searchSlice = 10_000
const searchSlices = 5

/** A page of the articles whose name contains `q`, in any case; shorter than `limit` where the search took its share. */
async function searchArticles (db: Database, query: ArticleListQuery, q: string): Promise<ArticlePage> {
  const { limit, order } = query
  const pattern = `%${q.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
  const articles: Article[] = []
  let { after } = query
  for (let slice = 0; slice < searchSlices; slice++) {
    const end = await findSliceEnd(db, { ...query, after })
    const found = await selectArticles(db.selectFrom('articles').$call(pageAfter({ after, order })))
      .$if(end !== undefined, select => select.where('articles.id', order === 'asc' ? '<=' : '>=', end ?? 0))
      .where(sql<boolean>`articles.name_key like ${pattern} escape '\\'`)
      .limit(limit + 1 - articles.length)
      .execute()
    articles.push(...found)
    if (articles.length > limit) {
      articles.length = limit
      return { articles, next: articles.at(-1)?.id }
    }
    if (end === undefined) return { articles, next: undefined }
    after = end
  }
  return { articles, next: after }
}

/** The id of the last article of the slice, undefined where it reaches the list's end. */
async function findSliceEnd (db: Database, { after, order }: ArticleListQuery): Promise<number | undefined> {
  const row = await db.selectFrom('articles').select('articles.id').$call(pageAfter({ after, order }))
    .offset(searchSlice - 1).limit(1).executeTakeFirst()
  return row?.id
}

export async function findArticle (db: Database, id: number): Promise<StoredArticle | undefined> {
  return selectArticles(db.selectFrom('articles'))
    .select(['articles.author_id as authorId', 'articles.version'])
    .where('articles.id', '=', id)
    .executeTakeFirst()
}

export async function insertArticle (db: Database, { name, author }: { name: string, author: User }): Promise<Article> {
  const now = new Date().toISOString()
  const { id } = await db.insertInto('articles')
    .values({ name, name_key: name.toLowerCase(), author_id: author.id, created_at: now, updated_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, name, author: author.username, createdAt: now, updatedAt: now }
}

/** The article renamed, or undefined where it is not as it was found any more. */
export async function updateArticle (db: Database, { id, version, author, createdAt }: StoredArticle, name: string): Promise<Article | undefined> {
  const now = new Date().toISOString()
  const row = await db.updateTable('articles')
    .set({ name, name_key: name.toLowerCase(), updated_at: now, version: version + 1 })
    .where('id', '=', id).where('version', '=', version)
    .returning('id')
    .executeTakeFirst()
  return row && { id, name, author, createdAt, updatedAt: now }
}

/** False where the article is not as it was found any more. */
export async function deleteArticle (db: Database, { id, version }: StoredArticle): Promise<boolean> {
  const row = await db.deleteFrom('articles').where('id', '=', id).where('version', '=', version).returning('id').executeTakeFirst()
  return row !== undefined
}

type FromArticles<Row> = SelectQueryBuilder<Tables, 'articles', Row>

function selectArticles<Row> (query: FromArticles<Row>) {
  return query
    .leftJoin('users', 'users.id', 'articles.author_id')
    .select(['articles.id', 'articles.name', 'users.username as author', 'articles.created_at as createdAt', 'articles.updated_at as updatedAt'])
}

function pageAfter ({ after, order }: Pick<ArticleListQuery, 'after' | 'order'>) {
  return <Row>(query: FromArticles<Row>) => query
    .$if(after !== undefined, select => select.where('articles.id', order === 'asc' ? '>' : '<', after ?? 0))
    .orderBy('articles.id', order)
}
