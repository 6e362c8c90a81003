import { useEffect, useState } from 'react'
import { client, settle } from '../client.ts'
import { asFailure, type Failure } from '../failure.ts'
import { Command } from '../parts/command.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Expiry } from '../parts/expiry.tsx'
import { FailureNotice } from '../parts/failure-notice.tsx'
import { Page } from '../parts/page.tsx'
import { currentToken, endSession, type Token } from '../session.ts'

/** The token, ready to be used elsewhere: nobody has to look for it in the browser's network tab. */
export function CurlPage () {
  const [token, setToken] = useState<Token>()
  const [failure, setFailure] = useState<Failure>()
  const [leaving, setLeaving] = useState(false)

  async function fetchToken (renew: boolean): Promise<void> {
    try {
      setToken(await currentToken({ renew }))
      setFailure(undefined)
    } catch (error) {
      setFailure(asFailure(error))
    }
  }
  useEffect(() => { fetchToken(false) }, [])

  async function signOutEverywhere (): Promise<void> {
    await settle(client.POST('/me/sign-out'))
    await endSession('asked')
  }

  const authorization = `\\\n  -H 'Authorization: Bearer ${token?.text}'`
  const articles = `${location.origin}/articles`
  return (
    <Page title='Use it from curl' intro='These commands carry your own token. Whoever has one can act as you until it expires: paste them into your terminal, and nowhere else.'>
      {failure && <FailureNotice failure={failure} onRetry={async () => fetchToken(false)} />}
      {token && (
        <div className='stack'>
          <Expiry expiresAt={token.expiresAt} onRenew={async () => fetchToken(true)} />
          <Command title='List the articles' command={`curl -sS '${articles}?order=desc' ${authorization}`} secret={token.text} />
          <Command
            title='Write one'
            command={`curl -sS '${articles}' ${authorization} \\\n  -H 'Content-Type: application/json' \\\n  -d '{"name":"My first article"}'`}
            secret={token.text}
          />
          <Command title='Who am I' command={`curl -sS '${location.origin}/me' ${authorization}`} secret={token.text} />
          <section className='card'>
            <h2>A token got out?</h2>
            <p>End all of your sessions, on every device. Their tokens are refused from that moment on, and you sign in again.</p>
            <button className='button' onClick={() => setLeaving(true)}>Sign out everywhere</button>
          </section>
        </div>
      )}
      {leaving && (
        <Confirm
          title='Sign out everywhere?'
          text='All of your sessions end, this one too.'
          verb='Sign out everywhere'
          act={signOutEverywhere}
          onClose={() => setLeaving(false)}
        />
      )}
    </Page>
  )
}
