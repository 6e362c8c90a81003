import { useState } from 'react'
import { client, settle, take, type User } from '../client.ts'
import { Confirm } from './confirm.tsx'
import { Moment } from './moment.tsx'

interface UserRowProps {
  user: User
  /** Whoever disables themselves cannot undo it. */
  isSelf: boolean
  /** The user as it is now, and what to say about it. */
  onChanged: (user: User, what: string) => void
}

export function UserRow ({ user, isSelf, onChanged }: UserRowProps) {
  const [asking, setAsking] = useState<'disable' | 'sign-out'>()
  const { id, username, email, disabled, sub, createdAt } = user
  const done = () => setAsking(undefined)

  async function setDisabled (disabled: boolean): Promise<void> {
    const changed = await take(client.PATCH('/admin/users/{id}', { params: { path: { id } }, body: { disabled } }))
    onChanged(changed, `${username} is ${disabled ? 'disabled' : 'enabled'}.`)
  }

  async function signOut (): Promise<void> {
    await settle(client.POST('/admin/users/{id}/sign-out', { params: { path: { id } } }))
    onChanged(user, `${username} is signed out everywhere.`)
  }

  return (
    <li className='user'>
      <div>
        <h2>
          {username}
          {isSelf && <span className='badge'>you</span>}
          {disabled && <span className='badge badge-bad'>disabled</span>}
          {sub === null && <span className='badge'>has not signed in yet</span>}
        </h2>
        <p className='quiet'>{email ?? 'no e-mail address'}, since <Moment at={createdAt} /></p>
      </div>
      <div className='tools'>
        {!isSelf && sub !== null && <button className='button button-quiet' aria-label={`Sign ${username} out`} onClick={() => setAsking('sign-out')}>Sign out</button>}
        {!isSelf && (
          <button className='button button-quiet' aria-label={`${disabled ? 'Enable' : 'Disable'} ${username}`} onClick={() => setAsking('disable')}>
            {disabled ? 'Enable' : 'Disable'}
          </button>
        )}
      </div>
      {asking === 'sign-out' && (
        <Confirm title={`Sign ${username} out?`} text='All sessions of this user end now, on every device.' verb='Sign out' act={signOut} onClose={done} />
      )}
      {asking === 'disable' && (
        <Confirm
          title={`${disabled ? 'Enable' : 'Disable'} ${username}?`}
          text={disabled ? 'From the next request on, this user is let in again.' : 'From the next request on, this user is refused. The articles stay.'}
          verb={disabled ? 'Enable' : 'Disable'}
          act={async () => setDisabled(!disabled)}
          onClose={done}
        />
      )}
    </li>
  )
}
