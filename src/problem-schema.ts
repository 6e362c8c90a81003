import { Type, type Static } from '@sinclair/typebox'

export const ProblemSchema = Type.Object({
  type: Type.String({ format: 'uri' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String(),
  requestId: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({
    in: Type.String(),
    path: Type.String({ description: 'A JSON pointer (RFC 6901).' }),
    message: Type.String()
  })))
}, { $id: 'Problem', description: 'A problem detail (RFC 9457).' })

export type ProblemBody = Static<typeof ProblemSchema>

/** The response schemas of the statuses with which a route may refuse. */
export function problemResponses<Status extends number> (...statuses: Status[]): Record<Status, typeof ProblemSchema> {
  return Object.fromEntries(statuses.map(status => [status, ProblemSchema])) as Record<Status, typeof ProblemSchema>
}
