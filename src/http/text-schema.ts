import { Type, type TString } from '@sinclair/typebox'

/** A time in a response: ISO 8601 in UTC. */
export const TimestampSchema = Type.String({ format: 'date-time', maxLength: 24, examples: ['2026-11-23T10:00:00.000Z'] })

/**
 * White space around a text counts for the length of the JSON string, and the body limit is the real bound.
 */
const maxUntrimmedLength = 4096

/**
 * A text of 1 to `maxLength` code points once trimmed. The handler trims it.
 * NUL is rejected because PostgreSQL cannot store it, a lone surrogate because UTF-8 cannot encode it.
 */
export function trimmedText (maxLength: number, examples: string[]): TString {
  const rejected = '\\u0000\\uD800-\\uDFFF'
  return Type.String({
    maxLength: maxUntrimmedLength,
    pattern: `^\\s*[^\\s${rejected}](?:[^${rejected}]{0,${maxLength - 2}}[^\\s${rejected}])?\\s*$`,
    description: `1 to ${maxLength} characters once trimmed, without NUL or lone surrogates`,
    examples
  })
}
