/** A token issuer that is trusted, and the address of its keys. */
export interface Issuer {
  /** The exact `iss` of its tokens. */
  name: string
  userPoolId: string
  /** The pool's original issuer, by which its users are known whichever issuer a token names. */
  original: string
  jwksUri: string
  /** The static JWK set in JSON, for keys that are not fetched. */
  jwks?: string | undefined
  /** Whether most pools do not have this issuer, so that its silence is no fault. */
  optional: boolean
}

export interface IssuerOptions {
  userPoolIds: readonly string[]
  endpoint?: string | undefined
  jwksUri?: string | undefined
  replicaRegions?: readonly string[] | undefined
}

/**
 * The issuers of user pools. On AWS a pool has one of two forms, by its `IssuerConfiguration`:
 * https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_IssuerConfigurationType.html
 *
 * A replica of a pool has the pool's id, so its issuers differ in the region only:
 * https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-multi-region.html
 */
export function listIssuers ({ userPoolIds, endpoint, jwksUri, replicaRegions = [] }: IssuerOptions): Issuer[] {
  return userPoolIds.flatMap(userPoolId => {
    const regions = [userPoolId.slice(0, userPoolId.indexOf('_')), ...replicaRegions]
    const names = endpoint === undefined ? regions.flatMap(region => awsIssuers(region, userPoolId)) : [`${endpoint}/${userPoolId}`]
    const [original = ''] = names
    return names.map((name, index) => ({
      name,
      userPoolId,
      original,
      jwksUri: (jwksUri ?? `${name}/.well-known/jwks.json`).replaceAll('{pool}', userPoolId),
      optional: index > 0
    }))
  })
}

function awsIssuers (region: string, userPoolId: string): string[] {
  return [`https://cognito-idp.${region}.amazonaws.com/${userPoolId}`, `https://issuer-cognito-idp.${region}.amazonaws.com/${userPoolId}`]
}
