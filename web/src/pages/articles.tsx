import { useCallback, useEffect, useRef, useState } from 'react'
import { client, take, takePage, type Article } from '../client.ts'
import { useList } from '../list.ts'
import { useLoaded } from '../loaded.ts'
import { ArticleRow } from '../parts/article-row.tsx'
import { ListFoot } from '../parts/list-foot.tsx'
import { NewArticle } from '../parts/new-article.tsx'
import { Page } from '../parts/page.tsx'
import { Search } from '../parts/search.tsx'
import type { Identity } from '../session.ts'

const pageSize = 20

export function ArticlesPage ({ identity }: { identity: Identity }) {
  const [q, setQ] = useState('')
  const [said, setSaid] = useState('')
  const load = useCallback(async (after: number | undefined, signal: AbortSignal) => takePage<Article>(client.GET('/articles', {
    params: { query: { order: 'desc', limit: pageSize, ...(q !== '' && { q }), ...(after !== undefined && { after }) } }, signal
  })), [q])
  const list = useList(load)
  const me = useLoaded(loadMe)
  const status = useRef<HTMLParagraphElement>(null)
  const [deletions, setDeletions] = useState(0)

  // The button that had the focus is gone with its article.
  useEffect(() => {
    if (deletions > 0) status.current?.focus()
  }, [deletions])

  function add (article: Article): void {
    setSaid(`“${article.name}” is published.`)
    // An answer that was lost may have been followed by a reload: never twice.
    list.change(rows => [article, ...rows.filter(({ id }) => id !== article.id)])
  }

  function replace (article: Article): void {
    setSaid(`It is called “${article.name}” now.`)
    list.change(rows => rows.map(row => row.id === article.id ? article : row))
  }

  function remove (article: Article): void {
    setSaid(`“${article.name}” is deleted.`)
    setDeletions(count => count + 1)
    list.change(rows => rows.filter(({ id }) => id !== article.id))
  }

  return (
    <Page title='Articles'>
      <div className='columns'>
        <div className='column-aside'>
          <NewArticle onCreated={add} />
          <Search label='Search the articles' onSearch={setQ} />
        </div>
        <section aria-label={q === '' ? 'All articles, the newest first' : `Articles with “${q}” in their name`}>
          <p ref={status} className='said' role='status' tabIndex={-1}>{said}</p>
          <ul className='articles' aria-busy={list.state === 'loading'}>
            {list.rows.map(article => (
              <ArticleRow
                key={article.id}
                article={article}
                mayChange={identity.administers || (article.author !== null && article.author === me?.username)}
                onRenamed={replace}
                onDeleted={remove}
              />
            ))}
          </ul>
          <ListFoot list={list} empty={q === '' ? 'Nothing has been written yet. Yours can be the first.' : `No article has “${q}” in its name.`} />
        </section>
      </div>
    </Page>
  )
}

async function loadMe () {
  return take(client.GET('/me'))
}
