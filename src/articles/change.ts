import type { VerifiedUser } from '../cognito/verified-user.ts'
import { isStale } from '../conditional.ts'
import type { Database } from '../database/tables.ts'
import { Problem } from '../problems.ts'
import type { User } from '../users/queries.ts'
import { findArticle, type StoredArticle } from './queries.ts'
import { articleTag } from './schemas.ts'

export interface Change {
  id: number
  account: User
  user: VerifiedUser
  adminGroup: string
  ifMatch: string | undefined
}

/**
 * Changes an article for one who may: its author, or an administrator. The change is made to the article as it was judged,
 * without a lock: where another change came first, this one is judged anew.
 * @param apply undefined or false where the article is not as it was found any more
 * @throws {Problem} `not_found`, `forbidden`, `precondition_failed`
 */
export async function changeArticle<Result> (db: Database, change: Change, apply: (article: StoredArticle) => Promise<Result | undefined | false>): Promise<Result> {
  for (;;) {
    const article = await findArticle(db, change.id)
    if (article === undefined) throw new Problem('not_found', 'There is no such article.')
    if (article.authorId !== change.account.id && !change.user.groups.includes(change.adminGroup)) {
      throw new Problem('forbidden', 'An article is changed by its author or by an administrator.')
    }
    if (isStale(change.ifMatch, articleTag(article))) {
      throw new Problem('precondition_failed', 'The article has changed since you read it; read it again.')
    }
    const result = await apply(article)
    if (result) return result
  }
}
