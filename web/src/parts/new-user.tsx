import { useRef, useState, type FormEvent } from 'react'
import { client, take, type User } from '../client.ts'
import { asFailure, faultOf, type Failure } from '../failure.ts'
import { FailureNotice } from './failure-notice.tsx'
import { Field } from './field.tsx'

const blank = { username: '', email: '' }

export function NewUser ({ onAdded }: { onAdded: (user: User) => void }) {
  const first = useRef<HTMLInputElement>(null)
  const [user, setUser] = useState(blank)
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure>()
  const faults = { username: faultOf(failure, 'username'), email: faultOf(failure, 'email') }

  async function add (event: FormEvent): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setFailure(undefined)
    try {
      onAdded(await take(client.POST('/admin/users', { body: user })))
      setUser(blank)
    } catch (error) {
      setFailure(asFailure(error))
    } finally {
      setBusy(false)
      first.current?.focus()
    }
  }

  return (
    <form className='card' onSubmit={add} noValidate>
      <h2>Add a user</h2>
      <Field
        ref={first}
        label='Username'
        autoComplete='off'
        autoCapitalize='none'
        value={user.username}
        fault={faults.username}
        onChange={event => setUser({ ...user, username: event.target.value })}
      />
      <Field
        label='E-mail address'
        type='email'
        autoComplete='off'
        value={user.email}
        fault={faults.email}
        hint='They are let in once they sign in with it, verified.'
        onChange={event => setUser({ ...user, email: event.target.value })}
      />
      {failure !== undefined && faults.username === undefined && faults.email === undefined && <FailureNotice failure={failure} />}
      <button className='button button-main' disabled={busy}>{busy ? 'Adding…' : 'Add'}</button>
    </form>
  )
}
