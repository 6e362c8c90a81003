import { Page } from '../components/page.tsx'
import { useMessages } from '../i18n/language.ts'

export function NotFoundPage () {
  const { articles, notFound } = useMessages()
  return (
    <Page title={notFound.title} intro={notFound.intro}>
      <p className='back'><a href='#/articles'>{articles.back}</a></p>
    </Page>
  )
}
