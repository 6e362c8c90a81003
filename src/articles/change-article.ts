import type { VerifiedUser } from '../../plugins/cognito-auth/verified-user.ts'
import { checkPreconditions, dependsOnVersion, type Preconditions } from '../http/conditional-request.ts'
import type { Database } from '../database/tables.ts'
import { Problem } from '../problems/catalogue.ts'
import type { User } from '../users/queries.ts'
import { findArticle, type FoundArticle, type StoredArticle } from './queries.ts'
import { articleTag } from './schemas.ts'

export interface Change {
  id: number
  localUser: User
  user: Pick<VerifiedUser, 'groups'>
  adminGroup: string
  preconditions: Preconditions
}

/** A change that loses this often is refused. A second loss takes a list of entity tags in `If-Match`, or two equal tags in a row. */
const maxAttempts = 3

/**
 * Changes an article for its author or an administrator. Each attempt is one read and one conditional statement, without a lock.
 *
 * 1. Without `If-Match`, or with `*`, the last change wins. The statement demands the author that was checked, and nothing else.
 * 2. With entity tags in `If-Match`, the statement also demands the version that was checked. A change that loses is checked again.
 * @param apply changes the article, or returns undefined where the statement found no such article
 * @throws {Problem} `not_found`, `forbidden`, `precondition_failed`
 */
export async function changeArticle<Result> (db: Database, change: Change, apply: (article: FoundArticle) => Promise<Result | undefined>): Promise<Result> {
  const needsVersion = dependsOnVersion(change.preconditions)
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const { version, ...article } = await findPermitted(db, change)
    const result = await apply(needsVersion ? { ...article, version } : article)
    if (result !== undefined) return result
  }
  throw stale()
}

async function findPermitted (db: Database, { id, localUser, user, adminGroup, preconditions }: Change): Promise<StoredArticle> {
  const article = await findArticle(db, id)
  if (article === undefined) throw new Problem('not_found', 'There is no such article.')
  if (article.authorId !== localUser.id && !user.groups.includes(adminGroup)) {
    throw new Problem('forbidden', 'An article is changed by its author or by an administrator.')
  }
  checkPreconditions(preconditions, articleTag(article))
  return article
}

function stale (): Problem {
  return new Problem('precondition_failed', 'The article has changed since you read it; read it again.')
}
