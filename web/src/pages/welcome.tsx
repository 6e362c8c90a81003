import { useEffect } from 'react'
import { Wordmark } from '../parts/wordmark.tsx'

/** For whoever is not signed in. */
export function WelcomePage ({ signedOut }: { signedOut: boolean }) {
  useEffect(() => { document.title = 'Articles' }, [])
  return (
    <main className='welcome'>
      <Wordmark />
      <div className='welcome-text'>
        <h1>Write something. <span>Everyone here can read it.</span></h1>
        {signedOut && <p className='quiet' role='status'>You are signed out.</p>}
        <p className='intro'>An article is as much as you can say in fifty characters. Sign in to read what others have said, and to add to it.</p>
        <div className='buttons' onPointerEnter={prepare} onFocus={prepare}>
          <a className='button button-main' href='#/sign-in'>Sign in</a>
          <a className='button' href='#/sign-up'>Create an account</a>
        </div>
      </div>
      <figure className='welcome-call'>
        <figcaption>The same by hand</figcaption>
        <pre tabIndex={0}>{example}</pre>
      </figure>
      <p className='quiet'>All of this is one REST service. <a href='/docs'>Its documentation</a></p>
    </main>
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

// The sign-in is on its way before it is asked for. If it does not come now, it is fetched again then.
function prepare (): void {
  import('./sign-in.tsx').catch(() => {})
}
