import { SiteFooter } from '../components/site-footer.tsx'
import { Wordmark } from '../components/wordmark.tsx'
import { useMessages } from '../i18n/language.ts'
import { usePageHeading } from '../use-page-heading.ts'

/** The start page for people who are not signed in. */
export function WelcomePage ({ hasSignedOut }: { hasSignedOut: boolean }) {
  const { app, welcome } = useMessages()
  const heading = usePageHeading(app.name)
  return (
    <>
      <main className='welcome'>
        <Wordmark />
        <div className='welcome-text'>
          <h1 ref={heading} tabIndex={-1}>{welcome.title} <span>{welcome.subtitle}</span></h1>
          {hasSignedOut && <p className='quiet' role='status'>{welcome.signedOut}</p>}
          <p className='intro'>{welcome.intro}</p>
          <div className='buttons' onPointerEnter={preloadSignIn} onFocus={preloadSignIn}>
            <a className='button button-main' href='#/sign-in'>{app.signIn}</a>
            <a className='button' href='#/sign-up'>{welcome.createAccount}</a>
          </div>
        </div>
        <figure className='welcome-call'>
          <figcaption>{welcome.example}</figcaption>
          <pre tabIndex={0} dir='ltr'>{example}</pre>
        </figure>
      </main>
      <SiteFooter />
    </>
  )
}

const example = `GET /articles?order=desc
Authorization: Bearer …

200 OK
[
  {
    "id": 2,
    "name": "On rye, and patience",
    "author": "alice"
  },
  {
    "id": 1,
    "name": "On bread",
    "author": "ben"
  }
]`

// If it does not load now, it is loaded when it is needed.
function preloadSignIn (): void {
  import('./sign-in.tsx').catch(() => {})
}
