const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

/** When something was: how long ago while that is less than a day, else the date. */
export function Moment ({ at }: { at: string }) {
  const date = new Date(at)
  return <time dateTime={at} title={exact.format(date)}>{sayWhen(date)}</time>
}

function sayWhen (date: Date): string {
  const minutes = Math.round((date.getTime() - Date.now()) / 60_000)
  if (minutes > -1) return 'just now'
  if (minutes > -60) return relative.format(minutes, 'minute')
  if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), 'hour')
  return day.format(date)
}
