/**
 * An error without a stack trace, for expected errors. Capturing a stack trace takes longer than verifying a
 * signature. Unexpected errors keep theirs.
 */
export class StacklessError extends Error {
  constructor (message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, options)
    Error.stackTraceLimit = stackTraceLimit
  }
}
