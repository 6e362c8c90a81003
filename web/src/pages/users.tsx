import { useCallback, useState } from 'react'
import { client, takePage, type User } from '../client.ts'
import { useList } from '../list.ts'
import { ListFoot } from '../parts/list-foot.tsx'
import { NewUser } from '../parts/new-user.tsx'
import { Page } from '../parts/page.tsx'
import { Search } from '../parts/search.tsx'
import { UserRow } from '../parts/user-row.tsx'
import type { Identity } from '../session.ts'

const pageSize = 20

export function UsersPage ({ identity }: { identity: Identity }) {
  const [q, setQ] = useState('')
  const [said, setSaid] = useState('')
  const load = useCallback(async (after: number | undefined, signal: AbortSignal) => takePage<User>(client.GET('/admin/users', {
    params: { query: { order: 'desc', limit: pageSize, ...(q !== '' && { q }), ...(after !== undefined && { after }) } }, signal
  })), [q])
  const list = useList(load)

  function add (user: User): void {
    setSaid(`${user.username} is added.`)
    list.change(rows => [user, ...rows])
  }

  function replace (user: User, what: string): void {
    setSaid(what)
    list.change(rows => rows.map(row => row.id === user.id ? user : row))
  }

  return (
    <Page title='Users'>
      <div className='columns'>
        <div className='column-aside'>
          <NewUser onAdded={add} />
          <Search label='Search username and e-mail' onSearch={setQ} />
        </div>
        <section aria-label={q === '' ? 'All users, the newest first' : `Users with “${q}” in their username or e-mail address`}>
          <p className='said' role='status'>{said}</p>
          <ul className='users' aria-busy={list.state === 'loading'}>
            {list.rows.map(user => <UserRow key={user.id} user={user} isSelf={user.sub === identity.subject} onChanged={replace} />)}
          </ul>
          <ListFoot list={list} empty={q === '' ? 'Nobody is known here yet.' : `Nobody has “${q}” in the username or e-mail address.`} />
        </section>
      </div>
    </Page>
  )
}
