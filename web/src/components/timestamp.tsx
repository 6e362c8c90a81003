import { useFormats } from '../i18n/formats.ts'
import { useMessages } from '../i18n/language.ts'

/** A point in time: relative for the last 24 hours, otherwise the date. */
export function Timestamp ({ at }: { at: string }) {
  const { app } = useMessages()
  const { exact, relative, day } = useFormats()
  const date = new Date(at)
  const minutes = Math.round((date.getTime() - Date.now()) / 60_000)

  function format (): string {
    if (minutes > -1) return app.justNow
    if (minutes > -60) return relative.format(minutes, 'minute')
    if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), 'hour')
    return day.format(date)
  }

  return <time dateTime={at} title={exact.format(date)}>{format()}</time>
}
