import { useCallback, useEffect, useState } from 'react'
import { NetworkError, toRequestError, type RequestError } from './api/errors.ts'

export interface LoadedValue<Value> {
  value: Value | undefined
  error: RequestError | undefined
  set (value: Value): void
  reload (): void
}

/** Loads a value. After a lost connection it is loaded again when the browser is back online. */
export function useValue<Value> (load: () => Promise<Value>): LoadedValue<Value> {
  const [value, set] = useState<Value>()
  const [error, setError] = useState<RequestError>()
  const [attempt, setAttempt] = useState(0)
  const reload = useCallback(() => setAttempt(attempt => attempt + 1), [])

  useEffect(() => {
    let isStale = false
    load().then(
      value => { if (!isStale) { set(value); setError(undefined) } },
      error => { if (!isStale) setError(toRequestError(error)) }
    )
    return () => { isStale = true }
  }, [load, attempt])

  const isOffline = error instanceof NetworkError
  useEffect(() => {
    if (!isOffline) return
    addEventListener('online', reload)
    return () => removeEventListener('online', reload)
  }, [isOffline, reload])

  return { value, error, set, reload }
}
