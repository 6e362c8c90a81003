import type { CognitoAuthError, CognitoAuthErrorCode } from '../../plugins/cognito-auth/index.ts'
import { Problem, type ProblemCode } from '../problems/catalogue.ts'

const codes: Record<CognitoAuthErrorCode, ProblemCode> = {
  FST_COGNITO_NO_TOKEN: 'no_auth_token',
  FST_COGNITO_INVALID_TOKEN: 'invalid_auth_token',
  FST_COGNITO_EXPIRED_TOKEN: 'expired_auth_token',
  FST_COGNITO_MISSING_GROUP: 'forbidden',
  FST_COGNITO_INSUFFICIENT_SCOPE: 'insufficient_scope',
  FST_COGNITO_KEYS_UNAVAILABLE: 'identity_provider_unavailable'
}

/** The problem that an error of `fastify-cognito-auth` is in this service. */
export function authenticationProblem (error: CognitoAuthError): Problem {
  const { code, message, headers, statusCode } = error
  // The reason is for logs and metrics, which ask why a token was refused.
  const reason = statusCode === 401 && error.reason !== 'no_token' ? error.reason : undefined
  return new Problem(codes[code], message, { headers, ...(reason && { reason }), cause: error })
}
