import { ApiError, NetworkError, type RequestError } from '../api/errors.ts'
import type { Messages } from '../i18n/en.tsx'
import { useMessages } from '../i18n/language.ts'
import { Notice } from './notice.tsx'

interface ErrorNoticeProps {
  error: RequestError
  /** Without it there is no button to retry. */
  onRetry?: () => void
}

export function ErrorNotice ({ error, onRetry }: ErrorNoticeProps) {
  const messages = useMessages()
  const { title, text } = describe(error, messages)
  return <Notice tone='bad' title={title} action={onRetry && <button className='button' onClick={onRetry}>{messages.app.retry}</button>}>{text}</Notice>
}

function describe (error: RequestError, { errors }: Messages): { title: string, text: string } {
  if (error instanceof NetworkError) return navigator.onLine ? errors.noAnswer : errors.offline
  if (!(error instanceof ApiError)) return errors.expired
  const codes: Partial<Record<string, { title: string, text: string }>> = errors.codes
  const { code, status, requestId } = error
  const text = requestId === undefined ? errors.unknown(status) : errors.requestId(requestId)
  return codes[code] ?? { title: status >= 500 ? errors.serverFault : errors.refused, text }
}
