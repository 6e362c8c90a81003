// Capturing a stack takes longer than verifying a signature. A refusal is no fault of the code, so it has no stack.

/** An error that does not say where it was made. */
export class StacklessError extends Error {
  constructor (message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, options)
    Error.stackTraceLimit = stackTraceLimit
  }
}
