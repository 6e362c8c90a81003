import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import type { TokenUse } from './claims.ts'
import type { FetchOptions } from './keys/fetch-key-set.ts'
import type { KeySetStorage } from './keys/key-set-storage.ts'

/** A JWK set (RFC 7517 5). */
export interface JwkSet { keys: object[] }

/** The input of a custom check: the header and the claims of a token whose signature and claims are good. */
export interface CustomCheckInput {
  header: Readonly<Record<string, unknown>>
  payload: Readonly<Record<string, unknown>>
}

/** The rules that the tokens of a user pool must satisfy. */
export interface TokenRules {
  /**
   * App clients whose tokens are accepted. `null`, which must be said, accepts any client of the pool.
   * Required.
   */
  clientId?: string | readonly string[] | null | undefined
  /** Kinds of token accepted. Default: both, `['id', 'access']`. */
  tokenUse?: TokenUse | readonly TokenUse[] | undefined
  /** The user must be a member of at least one of these groups, else 403. Default: no such rule. */
  groups?: string | readonly string[] | undefined
  /** The token must have at least one of these scopes, else 403. Default: no such rule. */
  scope?: string | readonly string[] | undefined
  /** Values that the `aud` of an access token may have besides a client id (RFC 8707). Default: none. */
  audience?: string | readonly string[] | undefined
  /**
   * A further check of each new token, synchronous or not. A token that it throws for is refused (401,
   * `custom_check`). It runs once for a token, whose user is then cached.
   */
  customCheck?: ((token: CustomCheckInput) => void | Promise<void>) | undefined
}

/** A user pool with rules of its own; rules that it leaves out are those of the registration. */
export interface UserPoolOptions extends TokenRules {
  /** The id of the pool, such as `eu-west-1_AbC123xyz`. Required. */
  userPoolId: string
  /** Where the pool's keys are fetched, if not at its issuer. `{pool}` stands for the pool id. */
  jwksUri?: string | undefined
  /** The pool's keys, if they are not to be fetched. */
  jwks?: JwkSet | undefined
  /** Further regions of a multi-Region pool. */
  replicaRegions?: readonly string[] | undefined
}

/** The options of the plugin. An unknown or contradictory option is an error at registration. */
export interface CognitoAuthOptions extends TokenRules {
  /** User pool ids, such as `eu-west-1_AbC123xyz`. Either this or `userPools` is required. */
  userPoolId?: string | readonly string[] | undefined
  /** User pools with different rules, in place of `userPoolId`. */
  userPools?: readonly UserPoolOptions[] | undefined
  /** Leeway for `exp` and `nbf`, in seconds, 0 to 300. Default: 0. */
  graceSeconds?: number | undefined
  /** Another Cognito endpoint, such as an emulator's; the issuer is `<endpoint>/<pool id>`. Default: AWS. */
  endpoint?: string | undefined
  /**
   * Where keys are fetched, if not at the issuer. `{pool}` stands for the pool id. Default:
   * `<issuer>/.well-known/jwks.json`.
   */
  jwksUri?: string | undefined
  /** The keys of the one pool, for tests and closed networks: nothing is fetched. */
  jwks?: JwkSet | undefined
  /** Keeps the last good key sets for the next start. Default: none. */
  keySetStorage?: KeySetStorage | undefined
  /** How long keys are used before they are fetched again, in seconds, 1 to 86,400. Default: 3,600. */
  jwksCacheTtlSeconds?: number | undefined
  /** Fetches key sets in place of undici, within the same 3 s and 256 kB. */
  fetch?: FetchOptions['fetch']
  /**
   * undici's dispatcher for key sets. Default: one that honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
   */
  dispatcher?: Dispatcher | undefined
  /**
   * Whether keys whose private half is published (cognito-local's) are accepted. Default: unless `NODE_ENV`
   * is `production`.
   */
  allowDevelopmentKeys?: boolean | undefined
  /** How many verified tokens are cached, 0 to 1,000,000. Default: 6,000. */
  tokenCacheSize?: number | undefined
  /**
   * The longest token that is read, in bytes, 1,024 to 65,536. Node limits all headers together to 16 kB by
   * default. Default: 16,384.
   */
  maxTokenBytes?: number | undefined
  /** The realm of the challenge (RFC 9110 11.5). Default: `api`. */
  realm?: string | undefined
  /**
   * Reads the token of a request, in place of the `Authorization` header: from a cookie, or
   * `x-amzn-oidc-accesstoken`.
   */
  getToken?: ((request: FastifyRequest) => string | undefined) | undefined
  /** The property of the request that holds the user. Default: `user`. */
  decoratorName?: string | undefined
  /**
   * The property of the server that holds everything, and then nothing else is decorated. Default: `cognito`,
   * and the guards as well.
   */
  namespace?: string | undefined
  /** Further regions of multi-Region pools; their issuers are the same identities. Default: none. */
  replicaRegions?: readonly string[] | undefined
}
