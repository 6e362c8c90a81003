import { Type, type Static } from '@sinclair/typebox'
import { ResourceIdSchema } from '../http/resource-id.ts'
import { TimestampSchema } from '../http/text-schema.ts'
import type { Actor } from './actor.ts'

export type AuditAction = 'created' | 'bound' | 'unbound' | 'changed' | 'disabled' | 'enabled' | 'deleted' | 'signed_out'

export const AuditEntrySchema = Type.Object({
  id: ResourceIdSchema,
  at: TimestampSchema,
  actor: Type.String({ maxLength: 300, description: 'Who did it: a username, or the name of a part of the service.', examples: ['root'] }),
  actorKind: Type.Unsafe<Actor['kind'] | null>({
    type: ['string', 'null'],
    enum: ['user', 'client', 'service', null],
    description: 'A person, a machine client, or a part of the service; null in entries older than this field.',
    examples: ['user']
  }),
  actorIssuer: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    maxLength: 255,
    description: "The issuer of the actor's token; null for a part of the service.",
    examples: ['https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz']
  }),
  actorSubject: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    maxLength: 255,
    description: "The subject of the actor's token; null for a part of the service.",
    examples: ['c4a5d0d2-0001-4000-8000-000000000001']
  }),
  action: Type.String({ maxLength: 20, description: 'One of created, bound, unbound, changed, disabled, enabled, deleted and signed_out.', examples: ['disabled'] }),
  userId: ResourceIdSchema,
  username: Type.String({ maxLength: 255, description: 'The user it was done to, as the user was called then.', examples: ['alice'] }),
  changes: Type.Record(Type.String(), Type.Union([Type.String({ maxLength: 255 }), Type.Null()]), { description: 'What was changed, and to what.', examples: [{ email: 'alice@example.com' }] })
}, { title: 'AuditEntry' })

export type AuditEntry = Static<typeof AuditEntrySchema>

export const AuditListSchema = Type.Array(AuditEntrySchema, { maxItems: 100 })
