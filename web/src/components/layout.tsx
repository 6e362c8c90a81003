import type { MouseEvent, ReactNode } from 'react'
import { useMessages } from '../i18n/language.ts'
import type { Route } from '../route.ts'
import { endSession, type Identity } from '../session.ts'
import { SiteFooter } from './site-footer.tsx'
import { Wordmark } from './wordmark.tsx'

interface LayoutProps {
  identity: Identity
  route: Route
  children: ReactNode
}

const everyone = ['articles', 'api', 'account'] as const
const administrators = [...everyone, 'users', 'audit'] as const

/** The frame of every page for people who are signed in. */
export function Layout ({ identity, route, children }: LayoutProps) {
  const messages = useMessages()
  const { app } = messages
  return (
    <>
      <a className='skip' href='#main' onClick={skip}>{app.skip}</a>
      <header className='top'>
        <div className='top-inner'>
          <Wordmark />
          <nav aria-label={app.pages}>
            {(identity.isAdmin ? administrators : everyone).map(page => (
              <a key={page} href={`#/${page}`} aria-current={page === route.page ? 'page' : undefined}>{messages[page].title}</a>
            ))}
          </nav>
          <div className='who'>
            <bdi className='who-name' title={app.signedInAs}>{identity.username}</bdi>
            <button className='button button-quiet' onClick={async () => endSession('signed-out')}>{app.signOut}</button>
          </div>
        </div>
      </header>
      <main id='main' tabIndex={-1}>{children}</main>
      <SiteFooter />
    </>
  )
}

// The part of the address after # names the page, so it must not become "main".
function skip (event: MouseEvent): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
