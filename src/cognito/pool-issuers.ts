import { listIssuers, type IssuerOptions } from '../../plugins/cognito-auth/issuers.ts'

/** The original issuer of each user pool, by the pool's id. Local users are bound to it. */
export function poolIssuers (options: IssuerOptions): Map<string, string> {
  return new Map(listIssuers(options).map(({ userPoolId, original }) => [userPoolId, original]))
}
