import { stdSerializers } from 'pino'

/** An error in the log. */
export type LoggedError = {
  type: string
  message: string
  stack: string
  code?: unknown
  errors?: LoggedError[]
}

/**
 * Serializes an error for the log. Like pino's serializer, it adds the causes to message and stack. Unlike
 * pino's, it drops other properties: ioredis adds the failed command, which may be AUTH with its password.
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
