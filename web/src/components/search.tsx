import { useEffect, useId, useRef, useState } from 'react'

interface SearchProps {
  label: string
  /** The text that the address contains. */
  value: string
  /** Must be stable. */
  onSearch: (text: string) => void
}

/** The search starts after a pause in typing of this length. */
const pauseMs = 250

export function Search ({ label, value, onSearch }: SearchProps) {
  const id = useId()
  const [text, setText] = useState(value)
  const searched = useRef(value)

  // The address has changed, for example by Back.
  useEffect(() => {
    if (value === searched.current) return
    searched.current = value
    setText(value)
  }, [value])

  useEffect(() => {
    const wanted = text.trim()
    if (wanted === searched.current) return
    const timer = setTimeout(() => {
      searched.current = wanted
      onSearch(wanted)
    }, pauseMs)
    return () => clearTimeout(timer)
  }, [text, onSearch])

  return (
    <div className='field' role='search'>
      <label htmlFor={id}>{label}</label>
      <input id={id} type='search' dir='auto' maxLength={50} autoComplete='off' value={text} onChange={event => setText(event.target.value)} />
    </div>
  )
}
