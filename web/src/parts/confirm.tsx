import { useEffect, useId, useRef, useState } from 'react'
import { asFailure, type Failure } from '../failure.ts'
import { FailureNotice } from './failure-notice.tsx'

interface ConfirmProps {
  title: string
  text: string
  /** What the button that does it says. */
  verb: string
  /** Does it; where it rejects, the dialog says why and stays. */
  act: () => Promise<void>
  onClose: () => void
}

/** Asks before something is done that cannot be undone. */
export function Confirm ({ title, text, verb, act, onClose }: ConfirmProps) {
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure>()

  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal()
  }, [])

  async function confirm (): Promise<void> {
    setBusy(true)
    try {
      await act()
      dialog.current?.close()
    } catch (error) {
      setFailure(asFailure(error))
      setBusy(false)
    }
  }

  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={`${id}-title`} aria-describedby={`${id}-text`}>
      <h2 id={`${id}-title`}>{title}</h2>
      <p id={`${id}-text`}>{text}</p>
      {failure && <FailureNotice failure={failure} />}
      <div className='buttons'>
        <button className='button' onClick={() => dialog.current?.close()}>Cancel</button>
        <button className='button button-danger' disabled={busy} onClick={confirm}>{verb}</button>
      </div>
    </dialog>
  )
}
