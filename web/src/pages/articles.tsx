import { useCallback, useId } from 'react'
import { client, unwrap, unwrapPage, type Article } from '../api/session-client.ts'
import { ArticleRow } from '../components/article-row.tsx'
import { ListView } from '../components/list-view.tsx'
import { NewArticle } from '../components/new-article.tsx'
import { Page } from '../components/page.tsx'
import { Search } from '../components/search.tsx'
import { useMessages } from '../i18n/language.ts'
import { pathOf, replaceRoute } from '../route.ts'
import type { Identity } from '../session.ts'
import { useList, type ListCache } from '../use-list.ts'
import { useStatus } from '../use-status.tsx'
import { useValue } from '../use-value.ts'

interface ArticlesPageProps {
  identity: Identity
  /** The parameters of the address. */
  query: URLSearchParams
  cache: ListCache<Article>
}

const pageSize = 20

export function ArticlesPage ({ identity, query, cache }: ArticlesPageProps) {
  const { articles } = useMessages()
  const [status, announce] = useStatus()
  const q = query.get('q') ?? ''
  const order = query.get('order') === 'asc' ? 'asc' : 'desc'
  const load = useCallback(async (after: number | undefined, signal: AbortSignal) => unwrapPage<Article>(client.GET('/articles', {
    params: { query: { order, limit: pageSize, ...(q !== '' && { q }), ...(after !== undefined && { after }) } }, signal
  })), [q, order])
  const list = useList({ query: articlesPath(q, order), load, cache })
  const { value: me } = useValue(loadMe)
  const search = useCallback((text: string) => replaceRoute(articlesPath(text, order)), [order])

  function add (article: Article): void {
    announce(articles.published(<bdi>{article.name}</bdi>))
    // A retry may return an article that the list already contains.
    if (q === '' && order === 'desc') list.change(rows => [article, ...rows.filter(({ id }) => id !== article.id)])
  }

  function replace (article: Article): void {
    list.change(rows => rows.map(row => row.id === article.id ? article : row))
  }

  function remove (article: Article): void {
    announce(articles.deleted(<bdi>{article.name}</bdi>))
    list.change(rows => rows.filter(({ id }) => id !== article.id))
  }

  return (
    <Page title={articles.title}>
      <div className='columns'>
        <div className='column-aside'>
          <NewArticle onCreated={add} />
          <Search label={articles.search} value={q} onSearch={search} />
          <OrderSelect value={order} onChange={order => replaceRoute(articlesPath(q, order))} />
        </div>
        <ListView
          list={list}
          label={q === '' ? articles.all : articles.found(q)}
          className='articles'
          empty={q === '' ? articles.empty : articles.noneFound(<bdi>{q}</bdi>)}
          end={articles.end}
        >
          {article => (
            <ArticleRow
              article={article}
              canChange={identity.isAdmin || (article.author !== null && article.author === me?.username)}
              onChanged={replace}
              onRenamed={article => {
                announce(articles.renamedTo(<bdi>{article.name}</bdi>))
                replace(article)
              }}
              onDeleted={remove}
            />
          )}
        </ListView>
      </div>
      {status}
    </Page>
  )
}

function OrderSelect ({ value, onChange }: { value: Order, onChange: (order: Order) => void }) {
  const id = useId()
  const { app } = useMessages()
  return (
    <div className='field'>
      <label htmlFor={id}>{app.order}</label>
      <select id={id} value={value} onChange={event => onChange(event.target.value === 'asc' ? 'asc' : 'desc')}>
        <option value='desc'>{app.newestFirst}</option>
        <option value='asc'>{app.oldestFirst}</option>
      </select>
    </div>
  )
}

type Order = 'asc' | 'desc'

function articlesPath (q: string, order: Order): string {
  return pathOf('articles', { q, order: order === 'desc' ? '' : order })
}

export async function loadMe () {
  return unwrap(client.GET('/me'))
}
