import { useCallback, useEffect, useRef, useState } from 'react'
import { NetworkError, toRequestError, type RequestError } from './api/errors.ts'
import type { Page } from './api/session-client.ts'

export interface List<Row> {
  rows: Row[]
  state: 'loading' | 'loaded' | 'failed'
  error: RequestError | undefined
  hasMore: boolean
  loadMore (): void
  /** Loads the page that failed once more. */
  retry (): void
  change (change: (rows: Row[]) => Row[]): void
}

/** Loads the page after an id, or the first one. */
export type Load<Row> = (after: number | undefined, signal: AbortSignal) => Promise<Page<Row>>

/** The lists of earlier visits by their query, so that Back shows them at once. */
export type ListCache<Row> = Map<string, LoadedList<Row>>

interface LoadedList<Row> extends Page<Row> {
  query: string
  state: List<Row>['state']
  error: RequestError | undefined
  /** Where the page that was requested last begins. */
  after: number | undefined
}

interface ListOptions<Row> {
  /** Identifies the list. The rows of one query never appear under another. */
  query: string
  /** Must be stable for one query. */
  load: Load<Row>
  cache: ListCache<Row>
}

/** A search reads this many empty pages in a row before it asks whether to continue. */
const maxEmptyPages = 5
const maxCachedLists = 20

/**
 * A list that is loaded page by page, as the service's `Link` headers say. It is refreshed when the tab
 * becomes visible.
 */
export function useList<Row extends { id: number }> ({ query, load, cache }: ListOptions<Row>): List<Row> {
  const [stored, setStored] = useState(() => startList(query, cache))
  const list = stored.query === query ? stored : startList(query, cache)
  const request = useRef<AbortController>(undefined)

  const fetchPage = useCallback(async (after: number | undefined, isRefresh = false) => {
    request.current?.abort()
    const controller = request.current = new AbortController()
    const update = (change: (before: LoadedList<Row>) => LoadedList<Row>) => {
      if (!controller.signal.aborted) setStored(before => change(before.query === query ? before : startList(query, cache)))
    }
    if (!isRefresh) update(before => ({ ...before, after, state: 'loading' }))
    try {
      const page = await loadNonEmpty(load, after, controller.signal)
      update(before => ({ ...merge(before, page, after), query, after, state: 'loaded', error: undefined }))
    } catch (error) {
      // After a failed refresh, the rows that are there stay.
      if (!isRefresh) update(before => ({ ...before, state: 'failed', error: toRequestError(error) }))
    } finally {
      if (request.current === controller) request.current = undefined
    }
  }, [query, load, cache])

  useEffect(() => {
    fetchPage(undefined, cache.has(query))
    const refresh = () => { if (!document.hidden && request.current === undefined) fetchPage(undefined, true) }
    document.addEventListener('visibilitychange', refresh)
    return () => {
      document.removeEventListener('visibilitychange', refresh)
      request.current?.abort()
      request.current = undefined
    }
  }, [fetchPage, query, cache])

  useEffect(() => {
    if (list.state === 'loaded') remember(cache, list)
  }, [cache, list])

  const { rows, next, state, error, after } = list
  const retry = useCallback(() => { fetchPage(after) }, [fetchPage, after])
  const isOffline = state === 'failed' && error instanceof NetworkError
  useEffect(() => {
    if (!isOffline) return
    addEventListener('online', retry)
    return () => removeEventListener('online', retry)
  }, [isOffline, retry])

  return {
    rows,
    state,
    error,
    hasMore: next !== undefined,
    loadMore: () => { fetchPage(next) },
    retry,
    change: change => setStored(before => ({ ...before, rows: change(before.rows) }))
  }
}

function startList<Row> (query: string, cache: ListCache<Row>): LoadedList<Row> {
  return cache.get(query) ?? { query, rows: [], next: undefined, state: 'loading', error: undefined, after: undefined }
}

/** Appends a further page. A refreshed first page keeps the pages behind it, if it still leads to them. */
function merge<Row extends { id: number }> (before: Page<Row>, page: Page<Row>, after: number | undefined): Page<Row> {
  if (after !== undefined) {
    const known = new Set(before.rows.map(({ id }) => id))
    return { rows: [...before.rows, ...page.rows.filter(({ id }) => !known.has(id))], next: page.next }
  }
  const last = before.rows.findIndex(({ id }) => id === page.rows.at(-1)?.id)
  const behind = last === -1 || page.next === undefined ? [] : before.rows.slice(last + 1)
  return behind.length === 0 ? page : { rows: [...page.rows, ...behind], next: before.next }
}

function remember<Row> (cache: ListCache<Row>, list: LoadedList<Row>): void {
  cache.delete(list.query)
  cache.set(list.query, list)
  const [oldest] = cache.keys()
  if (cache.size > maxCachedLists && oldest !== undefined) cache.delete(oldest)
}

async function loadNonEmpty<Row> (load: Load<Row>, after: number | undefined, signal: AbortSignal): Promise<Page<Row>> {
  let page = await load(after, signal)
  for (let empty = 0; page.rows.length === 0 && page.next !== undefined && empty < maxEmptyPages; empty++) {
    page = await load(page.next, signal)
  }
  return page
}
