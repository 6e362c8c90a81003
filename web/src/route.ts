import { useSyncExternalStore } from 'react'

const pages = ['articles', 'api', 'account', 'users', 'audit', 'sign-in', 'sign-up'] as const

type PageName = typeof pages[number]

export interface Route {
  page: PageName | 'article' | 'not-found'
  /** The id in `#/articles/12`. */
  id: number | undefined
  /** The parameters after the `?`. */
  query: URLSearchParams
}

/** The page that the address names after `#/`, such as `#/articles?q=bread` or `#/articles/12`. */
export function useRoute (): Route {
  return parseRoute(useSyncExternalStore(listen, () => location.hash))
}

/** The address within the page, without `#/`. Empty is the start page. */
export function goTo (path: string): void {
  if (location.hash !== hashOf(path)) location.hash = hashOf(path)
}

/** Changes the address without a new entry in the history, such as while the user types. */
export function replaceRoute (path: string): void {
  if (location.hash !== hashOf(path)) location.replace(hashOf(path))
}

/** The path of a page with those parameters that have a value. */
export function pathOf (page: PageName, parameters: Record<string, string>): string {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ''))
  return query.size === 0 ? page : `${page}?${query}`
}

function hashOf (path: string): string {
  return `#/${path}`
}

function parseRoute (hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const query = new URLSearchParams(search)
  const [, id] = /^articles\/(\d{1,15})$/.exec(path) ?? []
  if (id !== undefined) return { page: 'article', id: Number(id), query }
  return { page: path === '' ? 'articles' : pages.find(page => page === path) ?? 'not-found', id: undefined, query }
}

function listen (listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}
