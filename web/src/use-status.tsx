import { useCallback, useEffect, useState, type ReactNode } from 'react'

/** A message stays this long. */
const statusMs = 8_000

/**
 * The result of the last action. It is shown over the page, so that the scroll position stays, and disappears
 * by itself.
 */
export function useStatus (): [status: ReactNode, announce: (message: ReactNode) => void] {
  const [message, setMessage] = useState<{ text: ReactNode }>()

  useEffect(() => {
    const timer = setTimeout(() => setMessage(undefined), statusMs)
    return () => clearTimeout(timer)
  }, [message])

  const announce = useCallback((text: ReactNode) => setMessage({ text }), [])
  return [<p key='status' className='status' role='status'>{message?.text}</p>, announce]
}
