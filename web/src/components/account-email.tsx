import { useRef, useState, type FormEvent, type ReactNode } from 'react'
import { confirmUserAttribute, updateUserAttribute } from 'aws-amplify/auth'
import { useMessages } from '../i18n/language.ts'
import { useCognitoAction } from '../use-cognito-action.ts'
import { Field } from './field.tsx'

/** Changes the email address. The new one counts once its code is confirmed. */
export function AccountEmail ({ announce }: { announce: (status: ReactNode) => void }) {
  const { account } = useMessages()
  const { isBusy, error, run } = useCognitoAction()
  const [email, setEmail] = useState('')
  const [code, setCode] = useState('')
  const [isCodeSent, setCodeSent] = useState(false)
  const field = useRef<HTMLInputElement>(null)

  async function submit (event: FormEvent): Promise<void> {
    event.preventDefault()
    await run(isCodeSent ? confirm : request)
    field.current?.focus()
  }

  async function request (): Promise<void> {
    await updateUserAttribute({ userAttribute: { attributeKey: 'email', value: email } })
    setCodeSent(true)
  }

  async function confirm (): Promise<void> {
    await confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: code })
    announce(account.emailChanged(<bdi>{email}</bdi>))
    setEmail('')
    setCode('')
    setCodeSent(false)
  }

  return (
    <form className='card' onSubmit={submit} noValidate>
      <h2>{account.email}</h2>
      {isCodeSent && <p>{account.codeSent(<bdi>{email}</bdi>)}</p>}
      {isCodeSent
        ? <Field key='code' ref={field} label={account.code} inputMode='numeric' autoComplete='one-time-code' value={code} error={error} onChange={event => setCode(event.target.value)} />
        : <Field key='email' ref={field} label={account.newEmail} type='email' autoComplete='email' value={email} error={error} onChange={event => setEmail(event.target.value)} />}
      <button className='button button-main' aria-disabled={isBusy}>{isCodeSent ? account.confirmCode : account.changeEmail}</button>
    </form>
  )
}
