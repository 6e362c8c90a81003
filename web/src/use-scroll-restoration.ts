import { useEffect, useLayoutEffect } from 'react'

/** The scroll positions of the history entries, by the key in their state. */
const positions = new Map<string, number>()

let entry = ''
let scrollY = 0

/**
 * Returns to the scroll position of a history entry. The browser's own restoration runs before the page is
 * rendered.
 */
export function useScrollRestoration (address: string): void {
  useEffect(() => {
    history.scrollRestoration = 'manual'
    const track = () => { scrollY = window.scrollY }
    addEventListener('scroll', track, { passive: true })
    return () => removeEventListener('scroll', track)
  }, [])

  useLayoutEffect(() => {
    positions.set(entry, scrollY)
    entry = entryKey()
    scrollTo(0, positions.get(entry) ?? 0)
    scrollY = window.scrollY
  }, [address])
}

function entryKey (): string {
  const state: unknown = history.state
  if (typeof state === 'object' && state !== null && 'key' in state) return String(state.key)
  const key = `${performance.now()}`
  history.replaceState({ key }, '')
  return key
}
