import { lazy, Suspense, useEffect } from 'react'
import { ArticlesPage } from './pages/articles.tsx'
import { AuditPage } from './pages/audit.tsx'
import { CurlPage } from './pages/curl.tsx'
import { NowherePage } from './pages/nowhere.tsx'
import { UsersPage } from './pages/users.tsx'
import { WelcomePage } from './pages/welcome.tsx'
import { Shell } from './parts/shell.tsx'
import { goTo, useRoute, type Route } from './route.ts'
import { useSession, type Identity } from './session.ts'

// Amplify's Authenticator is larger than all the rest: it comes only to those who are to sign in.
const SignInPage = lazy(async () => ({ default: (await import('./pages/sign-in.tsx')).SignInPage }))

export function App () {
  const session = useSession()
  const route = useRoute()
  const signedIn = session.state === 'in'
  const toSignIn = route === 'sign-in' || route === 'sign-up'

  // Any other address is where they wanted to go, and stays.
  useEffect(() => {
    if (signedIn && toSignIn) goTo('articles')
  }, [signedIn, toSignIn])

  if (session.state === 'in') return <Shell identity={session.identity} route={route}><Page route={route} identity={session.identity} /></Shell>
  if (session.state === 'starting') return null
  if (route === 'articles' && session.because !== 'over') return <WelcomePage signedOut={session.because === 'asked'} />
  return (
    <Suspense fallback={<p className='alone quiet' role='status'>Loading the sign-in…</p>}>
      <SignInPage signUp={route === 'sign-up'} sessionOver={session.because === 'over'} />
    </Suspense>
  )
}

function Page ({ route, identity }: { route: Route, identity: Identity }) {
  switch (route) {
    case 'curl': return <CurlPage />
    case 'users': return identity.administers ? <UsersPage identity={identity} /> : <NowherePage />
    case 'audit': return identity.administers ? <AuditPage /> : <NowherePage />
    case 'nowhere': return <NowherePage />
    default: return <ArticlesPage identity={identity} />
  }
}
