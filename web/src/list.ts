import { useCallback, useEffect, useRef, useState } from 'react'
import type { Page } from './client.ts'
import { asFailure, Unreachable, type Failure } from './failure.ts'

export interface List<Row> {
  rows: Row[]
  state: 'loading' | 'settled' | 'failed'
  failure: Failure | undefined
  hasMore: boolean
  /** Fetches the next page, or again the page that did not come. */
  more (): void
  reload (): void
  change (change: (rows: Row[]) => Row[]): void
}

/** The query is part of it: another `load` is another list. */
export type Load<Row> = (after: number | undefined, signal: AbortSignal) => Promise<Page<Row>>

interface Held<Row> extends Page<Row> {
  state: List<Row>['state']
  failure: Failure | undefined
}

/** How many empty pages of a search are gone through before the reader is asked whether to go on. */
const mostEmptyPages = 5

/** A list that comes page by page, as the service's `Link` headers lead. */
export function useList<Row> (load: Load<Row>): List<Row> {
  const [held, setHeld] = useState<Held<Row>>({ rows: [], next: undefined, state: 'loading', failure: undefined })
  const underWay = useRef(new AbortController())

  const fetchPage = useCallback(async (after: number | undefined) => {
    underWay.current.abort()
    const { signal } = underWay.current = new AbortController()
    setHeld(held => ({ ...held, state: 'loading' }))
    try {
      const { rows, next } = await loadFilled(load, after, signal)
      if (signal.aborted) return
      setHeld(held => ({ rows: after === undefined ? rows : [...held.rows, ...rows], next, state: 'settled', failure: undefined }))
    } catch (error) {
      if (!signal.aborted) setHeld(held => ({ ...held, state: 'failed', failure: asFailure(error) }))
    }
  }, [load])

  useEffect(() => {
    fetchPage(undefined)
    return () => underWay.current.abort()
  }, [fetchPage])

  const { rows, next, state, failure } = held
  const more = useCallback(() => { fetchPage(next) }, [fetchPage, next])
  const lost = state === 'failed' && failure instanceof Unreachable
  useEffect(() => {
    if (!lost) return
    addEventListener('online', more)
    return () => removeEventListener('online', more)
  }, [lost, more])

  return {
    rows,
    state,
    failure,
    hasMore: next !== undefined,
    more,
    reload: () => { fetchPage(undefined) },
    change: change => setHeld(held => ({ ...held, rows: change(held.rows) }))
  }
}

async function loadFilled<Row> (load: Load<Row>, after: number | undefined, signal: AbortSignal): Promise<Page<Row>> {
  let page = await load(after, signal)
  for (let empty = 0; page.rows.length === 0 && page.next !== undefined && empty < mostEmptyPages; empty++) {
    page = await load(page.next, signal)
  }
  return page
}
