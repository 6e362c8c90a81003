import { useId, useRef, useState } from 'react'

interface CommandProps {
  title: string
  command: string
  /** The part of it that is not shown until it is asked for: screens are shared. */
  secret: string
}

/** A command for the terminal, to be copied whole. */
export function Command ({ title, command, secret }: CommandProps) {
  const id = useId()
  const text = useRef<HTMLPreElement>(null)
  const [shown, setShown] = useState(false)
  const [said, setSaid] = useState('')

  async function copy (): Promise<void> {
    try {
      await navigator.clipboard.writeText(command)
      setSaid('Copied.')
    } catch {
      // No clipboard without https, or the reader has refused.
      setShown(true)
      if (text.current !== null) getSelection()?.selectAllChildren(text.current)
      setSaid('Selected: press Ctrl+C or ⌘C.')
    }
  }

  return (
    <section className='card command' aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <pre ref={text} tabIndex={0} aria-label={`${title}: the command`}>{shown ? command : command.replace(secret, `${secret.slice(0, 12)}…`)}</pre>
      <div className='buttons'>
        <button className='button button-main' aria-describedby={id} onClick={copy}>Copy</button>
        <button className='button' aria-pressed={shown} aria-describedby={id} onClick={() => setShown(!shown)}>Show the whole token</button>
        <span className='quiet' role='status'>{said}</span>
      </div>
    </section>
  )
}
