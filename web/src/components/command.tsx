import { useId, useRef, useState } from 'react'
import { useMessages } from '../i18n/language.ts'

interface CommandProps {
  title: string
  command: string
  /** The part that is hidden until the user asks for it, because screens are shared. */
  secret: string
}

/** A command for the terminal, with a button that copies it. */
export function Command ({ title, command, secret }: CommandProps) {
  const id = useId()
  const { api } = useMessages()
  const text = useRef<HTMLPreElement>(null)
  const [isShown, setShown] = useState(false)
  const [result, setResult] = useState('')

  async function copy (): Promise<void> {
    try {
      await navigator.clipboard.writeText(command)
      setResult(api.copied)
    } catch {
      // There is no clipboard without https, and the user may refuse access to it.
      setShown(true)
      if (text.current !== null) getSelection()?.selectAllChildren(text.current)
      setResult(api.selected)
    }
  }

  return (
    <section className='card command' aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <pre ref={text} tabIndex={0} dir='ltr' aria-label={api.command(title)}>{isShown ? command : command.replace(secret, `${secret.slice(0, 12)}…`)}</pre>
      <div className='buttons'>
        <button className='button button-main' aria-describedby={id} onClick={copy}>{api.copy}</button>
        <button className='button' aria-pressed={isShown} aria-describedby={id} onClick={() => setShown(!isShown)}>{api.showToken}</button>
        <span className='quiet' role='status'>{result}</span>
      </div>
    </section>
  )
}
