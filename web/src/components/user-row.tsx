import { useState, type ReactNode } from 'react'
import { client, expectSuccess, unwrap, type User } from '../api/session-client.ts'
import { useMessages } from '../i18n/language.ts'
import { ConfirmDialog } from './confirm-dialog.tsx'
import { Timestamp } from './timestamp.tsx'

interface UserRowProps {
  user: User
  /** Administrators cannot disable themselves, because they could not undo it. */
  isSelf: boolean
  onChanged: (user: User, status: ReactNode) => void
}

export function UserRow ({ user, isSelf, onChanged }: UserRowProps) {
  const { users } = useMessages()
  const [action, setAction] = useState<'disable' | 'sign-out'>()
  const { id, username, email, disabled, sub, createdAt } = user
  const name = <bdi>{username}</bdi>
  const finish = () => setAction(undefined)

  async function toggleDisabled (): Promise<void> {
    const changed = await unwrap(client.PATCH('/admin/users/{id}', { params: { path: { id } }, body: { disabled: !disabled } }))
    onChanged(changed, disabled ? users.enabled(name) : users.wasDisabled(name))
  }

  async function signOut (): Promise<void> {
    await expectSuccess(client.POST('/admin/users/{id}/sign-out', { params: { path: { id } } }))
    onChanged(user, users.signedOut(name))
  }

  return (
    <div className='user'>
      <div>
        <h2>
          {name}
          {isSelf && <span className='badge'>{users.you}</span>}
          {disabled && <span className='badge badge-bad'>{users.disabled}</span>}
          {sub === null && <span className='badge'>{users.neverSignedIn}</span>}
        </h2>
        <p className='quiet'>{users.since(email === null ? users.noEmail : <bdi>{email}</bdi>, <Timestamp at={createdAt} />)}</p>
      </div>
      <div className='tools'>
        {!isSelf && sub !== null && (
          <button className='button button-quiet' aria-label={users.signOutOne(username)} onClick={() => setAction('sign-out')}>{users.signOut}</button>
        )}
        {!isSelf && (
          <button className='button button-quiet' aria-label={disabled ? users.enableOne(username) : users.disableOne(username)} onClick={() => setAction('disable')}>
            {disabled ? users.enable : users.disable}
          </button>
        )}
      </div>
      {action === 'sign-out' && (
        <ConfirmDialog title={users.signOutTitle(name)} text={users.signOutText} action={users.signOut} onConfirm={signOut} onClose={finish} />
      )}
      {action === 'disable' && (
        <ConfirmDialog
          title={disabled ? users.enableTitle(name) : users.disableTitle(name)}
          text={disabled ? users.enableText : users.disableText}
          action={disabled ? users.enable : users.disable}
          onConfirm={toggleDisabled}
          onClose={finish}
        />
      )}
    </div>
  )
}
