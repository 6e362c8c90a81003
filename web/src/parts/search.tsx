import { useEffect, useId, useState } from 'react'

interface SearchProps {
  label: string
  onSearch: (text: string) => void
}

/** How long the reader is left to type before it searches, in milliseconds. */
const pause = 250

export function Search ({ label, onSearch }: SearchProps) {
  const id = useId()
  const [text, setText] = useState('')

  useEffect(() => {
    const timer = setTimeout(() => onSearch(text.trim()), pause)
    return () => clearTimeout(timer)
  }, [text, onSearch])

  return (
    <div className='field search' role='search'>
      <label htmlFor={id}>{label}</label>
      <input id={id} type='search' maxLength={50} autoComplete='off' value={text} onChange={event => setText(event.target.value)} />
    </div>
  )
}
