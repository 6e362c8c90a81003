import { stdSerializers } from 'pino'

/** What the log says of an error. */
export type LoggedError = {
  type: string
  message: string
  stack: string
  code?: unknown
  errors?: LoggedError[]
}

/**
 * pino's serializer of what was thrown, with its causes in message and stack, but without what libraries hang on theirs: ioredis adds the command
 * that failed, which may be AUTH with its password, and others the request or the client.
 */
export function serializeError (error: unknown): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error), stack: '' }
  const { type, message, stack, code } = stdSerializers.err(error)
  return {
    type,
    message,
    stack,
    ...(code !== undefined && { code }),
    ...(error instanceof AggregateError && { errors: error.errors.map(serializeError) })
  }
}
