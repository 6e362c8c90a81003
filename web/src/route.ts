import { useSyncExternalStore } from 'react'

const pages = ['articles', 'curl', 'users', 'audit', 'sign-in', 'sign-up'] as const

export type Route = typeof pages[number] | 'nowhere'

/** The page that the address names after its `#/`; the service itself has no such address. */
export function useRoute (): Route {
  return useSyncExternalStore(listen, read)
}

export function goTo (route: Route): void {
  location.hash = `#/${route}`
}

function read (): Route {
  const name = location.hash.replace(/^#\/?/, '')
  return name === '' ? 'articles' : pages.find(page => page === name) ?? 'nowhere'
}

function listen (listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}
