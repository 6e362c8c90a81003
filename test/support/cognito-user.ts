import type { CognitoUser } from '../../src/users/cognito-user.ts'

/** A Cognito user with a verified address, as a token of this second describes it. */
export function cognitoUser (issuer: string, username: string, changes: Partial<CognitoUser> = {}): CognitoUser {
  return {
    kind: 'user',
    issuer,
    subject: `subject-of-${username}`,
    cognitoUsername: username,
    shownName: username,
    email: `${username}@example.com`,
    asOf: Math.floor(Date.now() / 1000),
    ...changes
  }
}
