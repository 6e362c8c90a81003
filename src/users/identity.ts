/** An identity in Cognito. It alone decides which local user a token belongs to. */
export interface Identity {
  /** The pool's original issuer, which contains the pool's id. */
  issuer: string
  subject: string
}
