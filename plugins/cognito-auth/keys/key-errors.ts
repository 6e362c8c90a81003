/** The set was fetched, and no signing key in it has this id. */
export class UnknownKeyError extends Error {
  readonly kid: string

  constructor (kid: string) {
    super('the key set has no such signing key')
    this.kid = kid
  }
}

/** The set could not be fetched, so nothing can be said of the key. */
export class KeysUnavailableError extends Error {
  /** Seconds until the next attempt. */
  readonly retryAfter: number

  constructor (retryAfter: number, cause: unknown) {
    super('the keys of the issuer could not be fetched', { cause })
    this.retryAfter = retryAfter
  }
}
