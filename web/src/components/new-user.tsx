import { useRef, useState, type FormEvent } from 'react'
import { isInvalid, toRequestError, type RequestError } from '../api/errors.ts'
import { client, unwrap, type User } from '../api/session-client.ts'
import { useMessages } from '../i18n/language.ts'
import { ErrorNotice } from './error-notice.tsx'
import { Field } from './field.tsx'

const blank = { username: '', email: '' }

export function NewUser ({ onAdded }: { onAdded: (user: User) => void }) {
  const { users } = useMessages()
  const usernameField = useRef<HTMLInputElement>(null)
  const emailField = useRef<HTMLInputElement>(null)
  const [user, setUser] = useState(blank)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<RequestError>()
  const usernameError = isInvalid(error, 'username') ? users.usernameRule : undefined
  const emailError = isInvalid(error, 'email') ? users.emailRule : undefined

  async function add (event: FormEvent): Promise<void> {
    event.preventDefault()
    if (isBusy) return
    setBusy(true)
    setError(undefined)
    let firstField = usernameField
    try {
      onAdded(await unwrap(client.POST('/admin/users', { body: user })))
      setUser(blank)
    } catch (error) {
      const requestError = toRequestError(error)
      setError(requestError)
      if (isInvalid(requestError, 'email') && !isInvalid(requestError, 'username')) firstField = emailField
    }
    setBusy(false)
    firstField.current?.focus()
  }

  return (
    <form className='card' onSubmit={add} noValidate>
      <h2>{users.add}</h2>
      <Field
        ref={usernameField}
        label={users.username}
        dir='auto'
        autoComplete='off'
        autoCapitalize='none'
        value={user.username}
        error={usernameError}
        onChange={event => setUser({ ...user, username: event.target.value })}
      />
      <Field
        ref={emailField}
        label={users.email}
        type='email'
        autoComplete='off'
        value={user.email}
        error={emailError}
        hint={users.emailHint}
        onChange={event => setUser({ ...user, email: event.target.value })}
      />
      {error !== undefined && usernameError === undefined && emailError === undefined && <ErrorNotice error={error} />}
      <button className='button button-main' aria-disabled={isBusy}>{isBusy ? users.adding : users.addButton}</button>
    </form>
  )
}
