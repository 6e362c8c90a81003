import { useId } from 'react'
import { chooseLanguage, isAvailable, languageNames, useLanguage } from '../i18n/language.ts'

/** The link to the documentation, and the choice of language. */
export function SiteFooter () {
  const id = useId()
  const { code, messages: { app } } = useLanguage()

  function choose (code: string): void {
    // Without a connection the language stays as it is.
    if (isAvailable(code)) chooseLanguage(code).catch(() => {})
  }

  return (
    <footer className='foot'>
      <p>{app.docs(text => <a href='docs/'>{text}</a>)}</p>
      <p className='language'>
        <label htmlFor={id}>{app.language}</label>
        <select id={id} value={code} onChange={event => choose(event.target.value)}>
          {Object.entries(languageNames).map(([code, name]) => <option key={code} value={code} lang={code}>{name}</option>)}
        </select>
      </p>
    </footer>
  )
}
