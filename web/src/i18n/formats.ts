import { useMemo } from 'react'
import { useLanguage } from './language.ts'

/** Formats of dates and numbers, in the language of the text. */
export function useFormats () {
  const { tag } = useLanguage()
  return useMemo(() => ({
    day: new Intl.DateTimeFormat(tag, { dateStyle: 'medium' }),
    exact: new Intl.DateTimeFormat(tag, { dateStyle: 'full', timeStyle: 'medium' }),
    time: new Intl.DateTimeFormat(tag, { timeStyle: 'short' }),
    relative: new Intl.RelativeTimeFormat(tag, { numeric: 'auto' }),
    minutes: new Intl.NumberFormat(tag, { style: 'unit', unit: 'minute', unitDisplay: 'long' }),
    list: new Intl.ListFormat(tag, { type: 'conjunction' })
  }), [tag])
}
