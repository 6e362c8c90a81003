import { useRef, useState, type FormEvent, type ReactNode } from 'react'
import { fetchMFAPreference, setUpTOTP, updateMFAPreference, verifyTOTPSetup } from 'aws-amplify/auth'
import { useMessages } from '../i18n/language.ts'
import { useCognitoAction } from '../use-cognito-action.ts'
import { useValue } from '../use-value.ts'
import { ConfirmDialog } from './confirm-dialog.tsx'
import { Field } from './field.tsx'

interface AccountAppProps {
  username: string
  announce: (status: ReactNode) => void
}

/** Sets up or removes an authenticator app as the second step of the sign-in. */
export function AccountApp ({ username, announce }: AccountAppProps) {
  const { account, app } = useMessages()
  const { value: isEnabled, set } = useValue(loadEnabled)
  const { isBusy, error, run } = useCognitoAction()
  const [setup, setSetup] = useState<{ key: string, uri: string }>()
  const [code, setCode] = useState('')
  const [isRemoving, setRemoving] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)

  async function start (): Promise<void> {
    await run(async () => {
      const { sharedSecret, getSetupUri } = await setUpTOTP()
      setSetup({ key: sharedSecret, uri: getSetupUri(app.name, username).href })
    })
  }

  async function verify (event: FormEvent): Promise<void> {
    event.preventDefault()
    await run(async () => {
      await verifyTOTPSetup({ code })
      await updateMFAPreference({ totp: 'PREFERRED' })
      finish(true, account.appAdded)
    })
  }

  async function remove (): Promise<void> {
    await updateMFAPreference({ totp: 'DISABLED' })
    finish(false, account.appRemoved)
  }

  function finish (isEnabled: boolean, status: string): void {
    set(isEnabled)
    setSetup(undefined)
    setCode('')
    announce(status)
    heading.current?.focus()
  }

  return (
    <section className='card'>
      <h2 ref={heading} tabIndex={-1}>{account.app}</h2>
      {setup === undefined && <p>{isEnabled === true ? account.appOn : account.appOff}</p>}
      {setup === undefined && isEnabled === false && <button className='button' aria-disabled={isBusy} onClick={start}>{account.setUp}</button>}
      {setup === undefined && isEnabled === true && <button className='button' onClick={() => setRemoving(true)}>{account.remove}</button>}
      {setup === undefined && error !== undefined && <p className='field-error' role='alert'>{error}</p>}
      {setup !== undefined && (
        <form className='stack' onSubmit={verify} noValidate>
          <p className='app-key'>{account.appKey(<code>{setup.key}</code>)}</p>
          <p><a href={setup.uri}>{account.appLink}</a></p>
          {/* The button with the focus has become this form. */}
          <Field ref={focusOnMount} label={account.code} inputMode='numeric' autoComplete='one-time-code' value={code} error={error} onChange={event => setCode(event.target.value)} />
          <button className='button button-main' aria-disabled={isBusy}>{account.confirmCode}</button>
        </form>
      )}
      {isRemoving && (
        <ConfirmDialog title={account.removeTitle} text={account.removeText} action={account.remove} onConfirm={remove} onClose={() => setRemoving(false)} />
      )}
    </section>
  )
}

async function loadEnabled (): Promise<boolean> {
  const { enabled = [] } = await fetchMFAPreference()
  return enabled.includes('TOTP')
}

// One function for all renders, so that React calls it only on mount and unmount.
function focusOnMount (input: HTMLInputElement | null): void {
  input?.focus()
}
