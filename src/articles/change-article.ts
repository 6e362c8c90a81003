import type { Database } from '../database/tables.ts'
import { changeAuthored, type AuthoredChange } from '../http/change-authored.ts'
import { findArticle, type StoredArticle } from './queries.ts'
import { articleTag } from './schemas.ts'

/** Changes the article with an id for its author or an administrator: see `changeAuthored`. */
export async function changeArticle<Result> (
  db: Database,
  id: number,
  change: AuthoredChange,
  apply: (article: StoredArticle, version: number | undefined) => Promise<Result | undefined>
): Promise<Result> {
  return changeAuthored({ noun: 'article', find: () => findArticle(db, id), entityTag: articleTag }, change, apply)
}
