import { useRef, useState, type FormEvent, type ReactNode } from 'react'
import { updatePassword } from 'aws-amplify/auth'
import type { PasswordPolicy } from '../config.ts'
import { useMessages } from '../i18n/language.ts'
import { useCognitoAction } from '../use-cognito-action.ts'
import { usePasswordRule } from '../use-password-rule.ts'
import { Field } from './field.tsx'

interface AccountPasswordProps {
  passwordPolicy: PasswordPolicy
  announce: (status: ReactNode) => void
}

export function AccountPassword ({ passwordPolicy, announce }: AccountPasswordProps) {
  const { account } = useMessages()
  const rule = usePasswordRule(passwordPolicy)
  const { isBusy, error, run } = useCognitoAction()
  const [oldPassword, setOldPassword] = useState('')
  const [newPassword, setNewPassword] = useState('')
  const field = useRef<HTMLInputElement>(null)

  async function submit (event: FormEvent): Promise<void> {
    event.preventDefault()
    await run(async () => {
      await updatePassword({ oldPassword, newPassword })
      announce(account.passwordChanged)
      setOldPassword('')
      setNewPassword('')
    })
    field.current?.focus()
  }

  return (
    <form className='card' onSubmit={submit} noValidate>
      <h2>{account.password}</h2>
      <Field ref={field} label={account.currentPassword} type='password' autoComplete='current-password' value={oldPassword} error={error} onChange={event => setOldPassword(event.target.value)} />
      <Field label={account.newPassword} type='password' autoComplete='new-password' value={newPassword} hint={rule} onChange={event => setNewPassword(event.target.value)} />
      <button className='button button-main' aria-disabled={isBusy}>{account.changePassword}</button>
    </form>
  )
}
