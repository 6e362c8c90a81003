import { isMachineClient } from '../cognito/machine-client.ts'
import type { TokenUse, VerifiedUser } from '../../plugins/cognito-auth/index.ts'
import type { CognitoUser } from './cognito-user.ts'

/** The reason why an identity is not let in. */
export interface NotBound {
  code: 'no_such_user' | 'email_not_verified'
  /** The cause, for the client. It depends on the token alone, so it tells nothing of other users. */
  detail: string
  /** The remedy, for an operator. */
  fix: string
}

const bind = 'Bind a user: npm run users -- bind USER SUBJECT --pool POOL.'

/** @param tokenUse the kinds of token that the service accepts */
export function explainNotBound (verified: VerifiedUser, { email }: CognitoUser, tokenUse: readonly TokenUse[]): NotBound {
  if (email === null) return { code: 'email_not_verified', ...explainUnverified(verified) }
  return { code: 'no_such_user', ...explainUnknown(verified, email, tokenUse) }
}

type Explanation = Omit<NotBound, 'code'>

function explainUnknown (verified: VerifiedUser, email: string | undefined, tokenUse: readonly TokenUse[]): Explanation {
  if (isMachineClient(verified)) {
    return {
      detail: 'No local user is bound to this app client. An administrator must add one with the client id as its subject.',
      fix: 'Add it: npm run users -- add NAME --subject CLIENT_ID --pool POOL.'
    }
  }
  if (email === undefined) return explainMissingEmail(verified, tokenUse)
  return {
    detail: 'No local user has this e-mail address. An administrator must add the user first.',
    fix: 'Add one (npm run users -- add), or add all users of the pool (npm run users -- sync).'
  }
}

function explainUnverified ({ claims: { identities } }: VerifiedUser): Explanation {
  const isFederated = Array.isArray(identities) && identities.length > 0
  return isFederated
    ? { detail: 'The e-mail address of a federated user does not count as verified. An administrator must bind this user.', fix: bind }
    : { detail: 'The e-mail address is not verified. Verify it with Cognito, and sign in again.', fix: `Verify the address with Cognito. ${bind}` }
}

function explainMissingEmail ({ tokenUse: kind }: VerifiedUser, tokenUse: readonly TokenUse[]): Explanation {
  if (kind === 'id') {
    return {
      detail: 'The id token has no e-mail claim, so no local user is found by its address. An administrator must bind this user.',
      fix: `Let the app client read the attribute email, and request the scope email. ${bind}`
    }
  }
  return tokenUse.includes('id')
    ? { detail: 'No local user is bound to this subject. Come once with an id token: this access token has no e-mail address.', fix: bind }
    : { detail: 'No local user is bound to this subject. An administrator must bind this user.', fix: bind }
}
