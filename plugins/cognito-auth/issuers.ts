/** A token issuer that is trusted, and the address of its keys. */
export interface Issuer {
  /** The exact `iss` of its tokens. */
  name: string
  userPoolId: string
  /** The issuer under whose name the pool's users are known, whichever of its issuers a token names. */
  original: string
  jwksUri: string
  /** An issuer that most pools do not have: its silence is no fault. */
  optional: boolean
}

export interface IssuerOptions {
  userPoolIds: string[]
  endpoint?: string | undefined
  jwksUri?: string | undefined
}

/**
 * The issuers of user pools. On AWS a pool has one of two, by its `IssuerConfiguration`:
 * https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_IssuerConfigurationType.html
 */
export function listIssuers ({ userPoolIds, endpoint, jwksUri }: IssuerOptions): Issuer[] {
  return userPoolIds.flatMap(userPoolId => {
    const region = userPoolId.split('_', 1)[0]
    const names = endpoint === undefined
      ? [`https://cognito-idp.${region}.amazonaws.com/${userPoolId}`, `https://issuer-cognito-idp.${region}.amazonaws.com/${userPoolId}`]
      : [`${endpoint}/${userPoolId}`]
    return names.map((name, index) => ({
      name,
      userPoolId,
      original: names[0] ?? name,
      jwksUri: (jwksUri ?? `${name}/.well-known/jwks.json`).replaceAll('{pool}', userPoolId),
      optional: index > 0
    }))
  })
}
