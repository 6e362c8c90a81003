import { lazy, Suspense, useEffect, useState } from 'react'
import type { Article, AuditEntry, User } from './api/session-client.ts'
import { Layout } from './components/layout.tsx'
import type { Config } from './config.ts'
import { useMessages } from './i18n/language.ts'
import { ApiPage } from './pages/api.tsx'
import { ArticlePage } from './pages/article.tsx'
import { ArticlesPage } from './pages/articles.tsx'
import { AuditPage } from './pages/audit.tsx'
import { NotFoundPage } from './pages/not-found.tsx'
import { UsersPage } from './pages/users.tsx'
import { WelcomePage } from './pages/welcome.tsx'
import { replaceRoute, useRoute, type Route } from './route.ts'
import { readSession, useSession, type Identity } from './session.ts'
import type { ListCache } from './use-list.ts'
import { useScrollRestoration } from './use-scroll-restoration.ts'

// Amplify's Authenticator is larger than the rest of the app. Only people who sign in load it.
const SignInPage = lazy(async () => ({ default: (await import('./pages/sign-in.tsx')).SignInPage }))
const AccountPage = lazy(async () => ({ default: (await import('./pages/account.tsx')).AccountPage }))

export function App ({ config }: { config: Config }) {
  const { signIn } = useMessages()
  const session = useSession()
  const route = useRoute()
  const isSignedIn = session.state === 'signed-in'
  const isSignIn = route.page === 'sign-in' || route.page === 'sign-up'

  // Any other address is the one the user asked for, and stays.
  useEffect(() => {
    if (!isSignIn) return
    if (isSignedIn) replaceRoute('articles')
    // Another tab may have signed in.
    else readSession().catch(() => {})
  }, [isSignedIn, isSignIn])

  if (session.state === 'starting') return null
  if (session.state === 'signed-in') return <SignedIn key={session.identity.subject} identity={session.identity} route={route} config={config} />
  if (route.page === 'articles' && session.reason !== 'expired') return <WelcomePage hasSignedOut={session.reason === 'signed-out'} />
  return (
    <Suspense fallback={<p className='alone quiet' role='status'>{signIn.loading}</p>}>
      <SignInPage isSignUp={route.page === 'sign-up'} hasExpired={session.reason === 'expired'} passwordPolicy={config.passwordPolicy} />
    </Suspense>
  )
}

interface SignedInProps {
  identity: Identity
  route: Route
  config: Config
}

function SignedIn (props: SignedInProps) {
  const { identity, route: { page, id, query } } = props
  useScrollRestoration(`${page} ${id} ${query}`)
  return (
    <Layout identity={identity} route={props.route}>
      <CurrentPage {...props} />
    </Layout>
  )
}

function CurrentPage ({ identity, route: { page, id, query }, config }: SignedInProps) {
  const { app } = useMessages()
  const [articles] = useState<ListCache<Article>>(() => new Map())
  const [users] = useState<ListCache<User>>(() => new Map())
  const [audit] = useState<ListCache<AuditEntry>>(() => new Map())

  if (page === 'article' && id !== undefined) return <ArticlePage key={id} identity={identity} id={id} />
  if (page === 'api') return <ApiPage />
  if (page === 'users' && identity.isAdmin) return <UsersPage identity={identity} query={query} cache={users} />
  if (page === 'audit' && identity.isAdmin) return <AuditPage cache={audit} />
  if (page === 'account') {
    return (
      <Suspense fallback={<p className='quiet' role='status'>{app.loading}</p>}>
        <AccountPage identity={identity} passwordPolicy={config.passwordPolicy} />
      </Suspense>
    )
  }
  // Sign-in pages lead to the articles at once.
  if (page === 'articles' || page === 'sign-in' || page === 'sign-up') return <ArticlesPage identity={identity} query={query} cache={articles} />
  return <NotFoundPage />
}
