import { useEffect, useState } from 'react'

/** What `load` gives, once it is there; undefined until then. Where it fails, it is tried again when the connection is back. */
export function useLoaded<Value> (load: () => Promise<Value>): Value | undefined {
  const [value, setValue] = useState<Value>()

  useEffect(() => {
    const gone = new AbortController()
    const attempt = (): void => {
      load().then(
        value => { if (!gone.signal.aborted) setValue(value) },
        () => addEventListener('online', attempt, { once: true, signal: gone.signal })
      )
    }
    attempt()
    return () => gone.abort()
  }, [load])

  return value
}
