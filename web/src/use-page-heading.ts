import { useEffect, useRef, type RefObject } from 'react'
import { useMessages } from './i18n/language.ts'

let isFirstPage = true

/**
 * Titles the tab. After a change of page the focus is on the new heading; the first page leaves it to the
 * browser.
 */
export function usePageHeading (title: string): RefObject<HTMLHeadingElement | null> {
  const { app } = useMessages()
  const heading = useRef<HTMLHeadingElement>(null)

  useEffect(() => {
    document.title = title === app.name ? title : `${title} · ${app.name}`
  }, [title, app])

  useEffect(() => {
    if (!isFirstPage) heading.current?.focus({ preventScroll: true })
    isFirstPage = false
  }, [])

  return heading
}
