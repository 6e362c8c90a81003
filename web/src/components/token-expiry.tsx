import { useEffect, useState } from 'react'
import { useFormats } from '../i18n/formats.ts'
import { useMessages } from '../i18n/language.ts'

interface TokenExpiryProps {
  expiresAt: Date
  onRenew: () => void
}

const updateMs = 5_000

export function TokenExpiry ({ expiresAt, onRenew }: TokenExpiryProps) {
  const { api } = useMessages()
  const { time, minutes } = useFormats()
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), updateMs)
    return () => clearInterval(timer)
  }, [])

  const minutesLeft = Math.ceil((expiresAt.getTime() - now) / 60_000)
  return (
    <div className='expiry'>
      <p>
        {minutesLeft > 0
          ? api.expires(<time dateTime={expiresAt.toISOString()}>{time.format(expiresAt)}</time>, minutes.format(minutesLeft))
          : <strong>{api.expired}</strong>}
      </p>
      <button className='button' onClick={onRenew}>{api.renew}</button>
    </div>
  )
}
