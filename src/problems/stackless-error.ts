// To write down a stack takes longer than to verify a signature, and a token may be refused by four errors, each the cause of
// the next. A refusal is nobody's fault to look for: what the code itself does wrong keeps its stack.

/** An error that does not say where it was made. */
export class StacklessError extends Error {
  constructor (message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, options)
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Does work, at once, whose errors do not say where they were made. */
export function withoutStacks<Result> (work: () => Result): Result {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return work()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
