import { useCallback, type ReactNode } from 'react'
import { client, unwrapPage, type User } from '../api/session-client.ts'
import { ListView } from '../components/list-view.tsx'
import { NewUser } from '../components/new-user.tsx'
import { Page } from '../components/page.tsx'
import { Search } from '../components/search.tsx'
import { UserRow } from '../components/user-row.tsx'
import { useMessages } from '../i18n/language.ts'
import { pathOf, replaceRoute } from '../route.ts'
import type { Identity } from '../session.ts'
import { useList, type ListCache } from '../use-list.ts'
import { useStatus } from '../use-status.tsx'

interface UsersPageProps {
  identity: Identity
  /** The parameters of the address. */
  query: URLSearchParams
  cache: ListCache<User>
}

const pageSize = 20

export function UsersPage ({ identity, query, cache }: UsersPageProps) {
  const { users } = useMessages()
  const [status, announce] = useStatus()
  const q = query.get('q') ?? ''
  const load = useCallback(async (after: number | undefined, signal: AbortSignal) => unwrapPage<User>(client.GET('/admin/users', {
    params: { query: { order: 'desc', limit: pageSize, ...(q !== '' && { q }), ...(after !== undefined && { after }) } }, signal
  })), [q])
  const list = useList({ query: usersPath(q), load, cache })

  function add (user: User): void {
    announce(users.added(<bdi>{user.username}</bdi>))
    if (q === '') list.change(rows => [user, ...rows])
  }

  function replace (user: User, status: ReactNode): void {
    announce(status)
    list.change(rows => rows.map(row => row.id === user.id ? user : row))
  }

  return (
    <Page title={users.title}>
      <div className='columns'>
        <div className='column-aside'>
          <NewUser onAdded={add} />
          <Search label={users.search} value={q} onSearch={search} />
        </div>
        <ListView
          list={list}
          label={q === '' ? users.all : users.found(q)}
          className='users'
          empty={q === '' ? users.empty : users.noneFound(<bdi>{q}</bdi>)}
          end={users.end}
        >
          {user => <UserRow user={user} isSelf={user.sub === identity.subject} onChanged={replace} />}
        </ListView>
      </div>
      {status}
    </Page>
  )
}

function usersPath (q: string): string {
  return pathOf('users', { q })
}

function search (text: string): void {
  replaceRoute(usersPath(text))
}
