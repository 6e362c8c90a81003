import { Type, type Static } from '@sinclair/typebox'
import { catalogue, type Problem } from './catalogue.ts'

const text = (maxLength: number, examples: string[]) => Type.String({ maxLength, examples })

export const ProblemSchema = Type.Object({
  type: Type.String({ format: 'uri', maxLength: 100, examples: ['urn:problem-type:articles:invalid_auth_token'] }),
  title: text(100, ['The token is not valid']),
  status: Type.Integer({ minimum: 400, maximum: 599, format: 'int32', examples: [401] }),
  detail: text(1000, ['The signature does not verify.']),
  code: text(50, ['invalid_auth_token']),
  requestId: text(128, ['9b2f3c1e-6a55-4a3c-8f0e-0d9c8f3e2b11']),
  errors: Type.Optional(Type.Array(Type.Object({
    in: Type.Unsafe<'body' | 'query' | 'params' | 'headers'>({ type: 'string', enum: ['body', 'query', 'params', 'headers'] }),
    path: Type.String({ maxLength: 1000, description: 'A JSON pointer (RFC 6901) into that part of the request.', examples: ['/name'] }),
    message: text(1000, ['is required'])
  }), { maxItems: 20 }))
}, { title: 'Problem', description: 'A problem detail (RFC 9457). `code` is for programs, `detail` for people.' })

export type ProblemBody = Static<typeof ProblemSchema>

/** The body of a response of the media type `application/problem+json` (RFC 9457). */
export function problemBody (problem: Problem, requestId: string): ProblemBody {
  const { code, message, errors } = problem
  const [status, title] = catalogue[code]
  return { type: `urn:problem-type:articles:${code}`, title, status, detail: message, code, requestId, ...(errors && { errors }) }
}
