import { Refusal, Unreachable, type Failure } from '../failure.ts'
import { Notice } from './notice.tsx'

interface FailureNoticeProps {
  failure: Failure
  /** Without it there is nothing to try again. */
  onRetry?: () => void
}

export function FailureNotice ({ failure, onRetry }: FailureNoticeProps) {
  const [title, text] = describe(failure)
  return <Notice tone='bad' title={title} action={onRetry && <button className='button' onClick={onRetry}>Try again</button>}>{text}</Notice>
}

function describe (failure: Failure): [title: string, text: string] {
  if (failure instanceof Unreachable) {
    return navigator.onLine
      ? ['No answer from the service', 'It may be back in a moment.']
      : ['You are offline', 'Try again when the connection is back.']
  }
  if (!(failure instanceof Refusal)) return ['Your session is over', 'Sign in again to go on.']
  return refusals[failure.code] ?? [failure.status >= 500 ? 'The service is in trouble' : 'The service refused this', failure.message]
}

const refusals: Partial<Record<string, [string, string]>> = {
  no_such_user: ['You are signed in, but not known here yet', 'An administrator has to add you, with the e-mail address that you signed up with.'],
  user_disabled: ['Your access is switched off', 'Only an administrator can switch it on again.'],
  email_not_verified: ['Your e-mail address is not verified', 'Verify it with the code that was sent to you, then sign in again.'],
  rate_limited: ['Too many requests', 'Wait a minute, then go on.']
}
