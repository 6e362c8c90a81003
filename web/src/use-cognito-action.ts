import { useState } from 'react'
import { useMessages } from './i18n/language.ts'

export interface CognitoAction {
  isBusy: boolean
  /** Why the last attempt failed, in the language of the page. */
  error: string | undefined
  /** Runs one action at a time. */
  run (action: () => Promise<void>): Promise<void>
}

/** Runs requests to Cognito and translates their errors. */
export function useCognitoAction (): CognitoAction {
  const { account } = useMessages()
  const [isBusy, setBusy] = useState(false)
  const [errorName, setErrorName] = useState<string>()
  const errors: Partial<Record<string, string>> = account.errors

  async function run (action: () => Promise<void>): Promise<void> {
    if (isBusy) return
    setBusy(true)
    setErrorName(undefined)
    try {
      await action()
    } catch (error) {
      setErrorName(error instanceof Error ? error.name : '')
    } finally {
      setBusy(false)
    }
  }

  return { isBusy, error: errorName === undefined ? undefined : errors[errorName] ?? account.failed, run }
}
