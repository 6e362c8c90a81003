import type { Database } from '../database/tables.ts'
import { pageOf, type Page } from '../database/text-search.ts'
import type { PageQuery } from '../http/pagination.ts'
import type { User } from '../users/queries.ts'
import type { Actor } from './actor.ts'
import type { AuditAction, AuditEntry } from './schemas.ts'

/** Records an action and its actor, in the transaction of the action. */
export async function insertAudit (
  db: Database, actor: Actor, action: AuditAction, user: Pick<User, 'id' | 'username'>, changes: Record<string, unknown> = {}
): Promise<void> {
  await db.insertInto('audit')
    .values({
      at: new Date().toISOString(),
      actor: actor.name,
      actor_kind: actor.kind,
      actor_issuer: actor.issuer,
      actor_subject: actor.subject,
      action,
      user_id: user.id,
      username: user.username,
      changes: JSON.stringify(changes)
    })
    .execute()
}

/** A page of the audit trail, the newest first. */
export async function listAudit (db: Database, { limit, after }: PageQuery): Promise<Page<AuditEntry>> {
  const rows = await db.selectFrom('audit')
    .select(['id', 'at', 'actor', 'actor_kind as actorKind', 'actor_issuer as actorIssuer', 'actor_subject as actorSubject'])
    .select(['action', 'user_id as userId', 'username', 'changes'])
    .$if(after !== undefined, query => query.where('id', '<', after ?? 0))
    .orderBy('id', 'desc').limit(limit + 1)
    .execute()
  return pageOf(rows.map(row => ({ ...row, changes: JSON.parse(row.changes) })), limit)
}
