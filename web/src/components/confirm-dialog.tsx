import { useEffect, useId, useRef, useState, type ReactNode } from 'react'
import { toRequestError, type RequestError } from '../api/errors.ts'
import { useMessages } from '../i18n/language.ts'
import { ErrorNotice } from './error-notice.tsx'

interface ConfirmDialogProps {
  title: ReactNode
  text: ReactNode
  /** The text of the button that does it. */
  action: string
  /** Does it. If it rejects, the dialog stays open and shows why. */
  onConfirm: () => Promise<void>
  onClose: () => void
}

/** Asks before an action that cannot be undone. */
export function ConfirmDialog ({ title, text, action, onConfirm, onClose }: ConfirmDialogProps) {
  const id = useId()
  const { app } = useMessages()
  const dialog = useRef<HTMLDialogElement>(null)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<RequestError>()

  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal()
  }, [])

  async function confirm (): Promise<void> {
    if (isBusy) return
    setBusy(true)
    setError(undefined)
    try {
      await onConfirm()
      dialog.current?.close()
    } catch (error) {
      setError(toRequestError(error))
      setBusy(false)
    }
  }

  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={`${id}-title`} aria-describedby={`${id}-text`}>
      <h2 id={`${id}-title`}>{title}</h2>
      <p id={`${id}-text`}>{text}</p>
      {error && <ErrorNotice error={error} />}
      <div className='buttons'>
        <button className='button' onClick={() => dialog.current?.close()}>{app.cancel}</button>
        {/* A disabled button would lose the focus. */}
        <button className='button button-danger' aria-disabled={isBusy} onClick={confirm}>{action}</button>
      </div>
    </dialog>
  )
}
