import { useEffect, useRef, type FocusEvent, type ReactNode } from 'react'
import { useMessages } from '../i18n/language.ts'
import type { List } from '../use-list.ts'
import { ErrorNotice } from './error-notice.tsx'

interface ListViewProps<Row> {
  list: List<Row>
  label: string
  className: string
  /** The text for a list without rows. */
  empty: ReactNode
  /** The text after the last row. */
  end: string
  children: (row: Row) => ReactNode
}

/**
 * A list with what follows it: more rows, the end, or an error. It keeps the focus when the focused element
 * goes away.
 */
export function ListView<Row extends { id: number }> ({ list, label, className, empty, end, children }: ListViewProps<Row>) {
  const { app } = useMessages()
  const { rows, state, error, hasMore, retry, loadMore } = list
  const section = useRef<HTMLElement>(null)
  const items = useRef<HTMLUListElement>(null)
  const footer = useRef<HTMLDivElement>(null)
  /** The index of the row with the focus. The footer counts as the next row. */
  const focusedRow = useRef<number>(undefined)

  function trackFocus ({ target }: FocusEvent): void {
    const index = Array.from(items.current?.children ?? []).findIndex(item => item.contains(target))
    focusedRow.current = index === -1 ? rows.length : index
  }

  // React reports no blur for an element that it removes, so this one is the user's.
  function forgetFocus ({ relatedTarget }: FocusEvent): void {
    if (!section.current?.contains(relatedTarget)) focusedRow.current = undefined
  }

  useEffect(() => {
    const index = focusedRow.current
    const isInFooter = footer.current?.contains(document.activeElement)
    if (index === undefined || state === 'loading' || (document.activeElement !== document.body && !isInFooter)) return
    const row = items.current?.children[isInFooter || index < rows.length ? index : rows.length - 1]
    const target = state === 'failed' ? footer.current?.querySelector('button') : row ?? (isInFooter ? undefined : section.current)
    if (target instanceof HTMLElement) target.focus()
  }, [rows, state])

  return (
    <section ref={section} aria-label={label} tabIndex={-1} onFocus={trackFocus} onBlur={forgetFocus}>
      <ul ref={items} className={className} aria-busy={state === 'loading'}>
        {rows.map(row => <li key={row.id} tabIndex={-1}>{children(row)}</li>)}
      </ul>
      <div ref={footer} className='list-footer'>
        {state === 'failed' && error !== undefined && <ErrorNotice error={error} onRetry={() => retry()} />}
        {state !== 'failed' && hasMore && (
          <button className='button' aria-disabled={state === 'loading'} onClick={() => { if (state !== 'loading') loadMore() }}>
            {state === 'loading' ? app.loading : rows.length === 0 ? app.keepSearching : app.more}
          </button>
        )}
        <p className='quiet' role='status'>
          {state === 'loading' && !hasMore && app.loading}
          {state === 'loaded' && !hasMore && (rows.length === 0 ? empty : end)}
        </p>
      </div>
    </section>
  )
}
