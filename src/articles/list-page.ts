import type { Database } from '../database/tables.ts'
import { pageOf, searchInSlices, type Page, type Range } from '../database/text-search.ts'
import type { ListQuery } from '../http/pagination.ts'
import { findNthArticleId, listArticles } from './queries.ts'
import type { Article } from './schemas.ts'
import { findBlocksEnd, findSearchIndex, listArticlesInBlocks, trigramQuery } from './search-queries.ts'

/**
 * Lists a page of articles in the order of their ids. With `q`, only those whose name contains it in any
 * case.
 *
 * 1. A search index needs a text of three characters or more.
 * 2. PostgreSQL's index answers a search in one query.
 * 3. SQLite's index, and a search without an index, read a bounded number of rows. Such a page may be short.
 */
export async function listArticlePage (db: Database, { limit, after, order, q = '' }: ListQuery): Promise<Page<Article>> {
  const pageAndOneMore = { order, after, limit: limit + 1 }
  if (q === '') return pageOf(await listArticles(db, pageAndOneMore), limit)

  const trigrams = trigramQuery(q)
  const index = trigrams === undefined ? 'none' : await findSearchIndex(db)
  if (index === 'trigrams') return pageOf(await listArticles(db, pageAndOneMore, q), limit)
  if (trigrams !== undefined && index === 'blocks') {
    return searchInSlices({
      limit,
      after,
      find: (range: Range) => listArticlesInBlocks(db, trigrams, q, { ...range, order }),
      findEnd: (after, count) => findBlocksEnd(db, trigrams, count, { order, after })
    })
  }
  return searchInSlices({
    limit,
    after,
    find: (range: Range) => listArticles(db, { ...range, order }, q),
    findEnd: (after, count) => findNthArticleId(db, count, { order, after })
  })
}
