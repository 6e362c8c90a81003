import type { List } from '../list.ts'
import { FailureNotice } from './failure-notice.tsx'

interface ListFootProps {
  list: List<unknown>
  /** What is said of a list that is empty. */
  empty: string
}

/** What stands under a list: how it goes on, or why it does not. */
export function ListFoot ({ list, empty }: ListFootProps) {
  const { rows, state, failure, hasMore, more } = list
  if (state === 'failed' && failure !== undefined) return <FailureNotice failure={failure} onRetry={more} />
  if (state === 'loading') return <p className='list-foot quiet' role='status'>Loading…</p>
  if (hasMore) return <p className='list-foot'><button className='button' onClick={more}>{rows.length === 0 ? 'Search on' : 'More'}</button></p>
  return <p className='list-foot quiet' role='status'>{rows.length === 0 ? empty : 'That is all.'}</p>
}
