import { useEffect, useState } from 'react'

interface ExpiryProps {
  expiresAt: Date
  onRenew: () => void
}

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const minutes = new Intl.NumberFormat(undefined, { style: 'unit', unit: 'minute', unitDisplay: 'long' })

/** Until when the token is good. */
export function Expiry ({ expiresAt, onRenew }: ExpiryProps) {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5_000)
    return () => clearInterval(timer)
  }, [])

  const left = Math.ceil((expiresAt.getTime() - now) / 60_000)
  return (
    <div className='expiry'>
      <p>
        {left > 0
          ? <>This token expires at <time dateTime={expiresAt.toISOString()}>{time.format(expiresAt)}</time>, in {minutes.format(left)}.</>
          : <strong>This token has expired. The commands below no longer work.</strong>}
      </p>
      <button className='button' onClick={onRenew}>Get a new one</button>
    </div>
  )
}
