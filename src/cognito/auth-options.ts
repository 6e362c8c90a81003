import type { CognitoAuthOptions, TokenUse } from '../../plugins/cognito-auth/index.ts'

/** The part of the configuration that decides which tokens are accepted. */
export interface TokenConfig {
  userPoolIds: string[]
  clientIds: string[]
  tokenUse: TokenUse[]
  endpoint: string | undefined
  jwksUri: string | undefined
  jwksMaxAgeSeconds: number
  allowDevelopmentKeys: boolean
  /** The resource that the `aud` of an access token may name (RFC 8707). */
  resourceServer: string
  /** Further regions of multi-Region user pools, whose issuers are the same identities. */
  replicaRegions: string[]
}

/** The options of `fastify-cognito-auth` that the configuration of the service stands for. */
export function cognitoAuthOptions (config: TokenConfig): CognitoAuthOptions {
  return {
    userPoolId: config.userPoolIds,
    clientId: config.clientIds,
    tokenUse: config.tokenUse,
    audience: config.resourceServer,
    ...(config.endpoint === undefined && { replicaRegions: config.replicaRegions }),
    endpoint: config.endpoint,
    jwksUri: config.jwksUri,
    jwksCacheTtlSeconds: config.jwksMaxAgeSeconds,
    allowDevelopmentKeys: config.allowDevelopmentKeys,
    realm: 'articles'
  }
}
