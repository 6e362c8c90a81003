import { useCallback } from 'react'
import { client, unwrap } from '../api/session-client.ts'
import { ArticleRow } from '../components/article-row.tsx'
import { ErrorNotice } from '../components/error-notice.tsx'
import { Page } from '../components/page.tsx'
import { useMessages } from '../i18n/language.ts'
import { goTo } from '../route.ts'
import type { Identity } from '../session.ts'
import { useStatus } from '../use-status.tsx'
import { useValue } from '../use-value.ts'
import { loadMe } from './articles.tsx'

/** One article, at an address of its own. */
export function ArticlePage ({ identity, id }: { identity: Identity, id: number }) {
  const { app, articles } = useMessages()
  const [status, announce] = useStatus()
  const load = useCallback(async () => unwrap(client.GET('/articles/{id}', { params: { path: { id } } })), [id])
  const { value: article, error, set, reload } = useValue(load)
  const { value: me } = useValue(loadMe)

  return (
    <Page title={articles.one}>
      {error !== undefined && <ErrorNotice error={error} onRetry={reload} />}
      {error === undefined && article === undefined && <p className='quiet' role='status'>{app.loading}</p>}
      {article !== undefined && (
        <ArticleRow
          article={article}
          canChange={identity.isAdmin || (article.author !== null && article.author === me?.username)}
          onChanged={set}
          onRenamed={article => {
            announce(articles.renamedTo(<bdi>{article.name}</bdi>))
            set(article)
          }}
          onDeleted={() => goTo('articles')}
        />
      )}
      <p className='back'><a href='#/articles'>{articles.back}</a></p>
      {status}
    </Page>
  )
}
