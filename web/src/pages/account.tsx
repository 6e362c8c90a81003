import { useState } from 'react'
import { deleteUser } from 'aws-amplify/auth'
import { client, expectSuccess } from '../api/session-client.ts'
import { AccountApp } from '../components/account-app.tsx'
import { AccountEmail } from '../components/account-email.tsx'
import { AccountPassword } from '../components/account-password.tsx'
import { ConfirmDialog } from '../components/confirm-dialog.tsx'
import { Page } from '../components/page.tsx'
import type { PasswordPolicy } from '../config.ts'
import { useMessages } from '../i18n/language.ts'
import { endSession, type Identity } from '../session.ts'
import { useStatus } from '../use-status.tsx'

interface AccountPageProps {
  identity: Identity
  passwordPolicy: PasswordPolicy
}

/** The settings of a person's own sign-in. Cognito stores all of them. */
export function AccountPage ({ identity, passwordPolicy }: AccountPageProps) {
  const { account, api } = useMessages()
  const [status, announce] = useStatus()
  const [action, setAction] = useState<'sign-out' | 'delete'>()
  const finish = () => setAction(undefined)

  async function signOutEverywhere (): Promise<void> {
    await expectSuccess(client.POST('/me/sign-out'))
    await endSession('signed-out')
  }

  async function remove (): Promise<void> {
    await deleteUser()
    await endSession('signed-out')
  }

  return (
    <Page title={account.title}>
      <div className='stack'>
        <AccountEmail announce={announce} />
        <AccountPassword passwordPolicy={passwordPolicy} announce={announce} />
        <AccountApp username={identity.username} announce={announce} />
        <section className='card'>
          <h2>{api.signOutEverywhere}</h2>
          <p>{api.signOutText}</p>
          <button className='button' onClick={() => setAction('sign-out')}>{api.signOutEverywhere}</button>
        </section>
        <section className='card'>
          <h2>{account.delete}</h2>
          <p>{account.deleteText}</p>
          <button className='button button-danger' onClick={() => setAction('delete')}>{account.delete}</button>
        </section>
      </div>
      {action === 'sign-out' && (
        <ConfirmDialog title={api.signOutTitle} text={api.signOutText} action={api.signOutEverywhere} onConfirm={signOutEverywhere} onClose={finish} />
      )}
      {action === 'delete' && (
        <ConfirmDialog title={account.deleteTitle} text={account.deleteWarning} action={account.delete} onConfirm={remove} onClose={finish} />
      )}
      {status}
    </Page>
  )
}
