import type { ReactNode } from 'react'
import type { Route } from '../route.ts'
import { endSession, type Identity } from '../session.ts'
import { Wordmark } from './wordmark.tsx'

interface ShellProps {
  identity: Identity
  route: Route
  children: ReactNode
}

const everyone: Array<[Route, string]> = [['articles', 'Articles'], ['curl', 'From curl']]
const administrators: Array<[Route, string]> = [['users', 'Users'], ['audit', 'Audit']]

/** What is around every page of somebody who is signed in. */
export function Shell ({ identity, route, children }: ShellProps) {
  const links = identity.administers ? everyone.concat(administrators) : everyone
  return (
    <>
      <a className='skip' href='#main' onClick={skip}>Skip to the content</a>
      <header className='top'>
        <div className='top-inner'>
          <Wordmark />
          <nav aria-label='Pages'>
            {links.map(([to, label]) => <a key={to} href={`#/${to}`} aria-current={to === route ? 'page' : undefined}>{label}</a>)}
          </nav>
          <div className='who'>
            <span className='who-name' title='Signed in as'>{identity.username}</span>
            <button className='button button-quiet' onClick={async () => endSession('asked')}>Sign out</button>
          </div>
        </div>
      </header>
      <main id='main' tabIndex={-1}>{children}</main>
      <footer className='foot'>
        <p>All of this is one REST service. <a href='/docs'>Its documentation</a></p>
      </footer>
    </>
  )
}

// The address after # is the page: it must not become "main".
function skip (event: { preventDefault (): void }): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
