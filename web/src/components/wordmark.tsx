import { useMessages } from '../i18n/language.ts'

export function Wordmark () {
  return <a className='wordmark' href='#/articles'>{useMessages().app.name}</a>
}
