import { useCallback, useState } from 'react'
import { client, expectSuccess } from '../api/session-client.ts'
import { Command } from '../components/command.tsx'
import { ConfirmDialog } from '../components/confirm-dialog.tsx'
import { ErrorNotice } from '../components/error-notice.tsx'
import { Page } from '../components/page.tsx'
import { TokenExpiry } from '../components/token-expiry.tsx'
import { serviceUrl } from '../config.ts'
import { useMessages } from '../i18n/language.ts'
import { currentToken, endSession } from '../session.ts'
import { useValue } from '../use-value.ts'

/** The user's token in commands for the terminal. */
export function ApiPage () {
  const { api } = useMessages()
  const [isSigningOut, setSigningOut] = useState(false)
  const [renew, setRenew] = useState(false)
  const load = useCallback(async () => currentToken({ renew }), [renew])
  const { value: token, error, reload } = useValue(load)

  async function signOutEverywhere (): Promise<void> {
    await expectSuccess(client.POST('/me/sign-out'))
    await endSession('signed-out')
  }

  function renewToken (): void {
    setRenew(true)
    reload()
  }

  const authorization = `\\\n  -H 'Authorization: Bearer ${token?.text}'`
  const articles = `${serviceUrl}/articles`
  return (
    <Page title={api.title} intro={api.intro}>
      {error && <ErrorNotice error={error} onRetry={reload} />}
      {token && (
        <div className='stack'>
          <TokenExpiry expiresAt={token.expiresAt} onRenew={renewToken} />
          <Command title={api.list} command={`curl -sS '${articles}?order=desc' ${authorization}`} secret={token.text} />
          <Command
            title={api.create}
            command={`curl -sS '${articles}' ${authorization} \\\n  -H 'Content-Type: application/json' \\\n  -d '{"name":"${api.example}"}'`}
            secret={token.text}
          />
          <Command title={api.me} command={`curl -sS '${serviceUrl}/me' ${authorization}`} secret={token.text} />
          <section className='card'>
            <h2>{api.leaked}</h2>
            <p>{api.leakedText}</p>
            <button className='button' onClick={() => setSigningOut(true)}>{api.signOutEverywhere}</button>
          </section>
        </div>
      )}
      {isSigningOut && (
        <ConfirmDialog
          title={api.signOutTitle}
          text={api.signOutText}
          action={api.signOutEverywhere}
          onConfirm={signOutEverywhere}
          onClose={() => setSigningOut(false)}
        />
      )}
    </Page>
  )
}
