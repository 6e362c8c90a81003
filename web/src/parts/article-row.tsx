import { useEffect, useRef, useState } from 'react'
import { client, settle, type Article } from '../client.ts'
import { Confirm } from './confirm.tsx'
import { Moment } from './moment.tsx'
import { RenameArticle } from './rename-article.tsx'

interface ArticleRowProps {
  article: Article
  mayChange: boolean
  onRenamed: (article: Article) => void
  onDeleted: (article: Article) => void
}

export function ArticleRow ({ article, mayChange, onRenamed, onDeleted }: ArticleRowProps) {
  const [doing, setDoing] = useState<'rename' | 'delete'>()
  const { id, name, author, createdAt, updatedAt } = article
  const done = () => setDoing(undefined)
  const renameButton = useRef<HTMLButtonElement>(null)
  const wasRenaming = useRef(false)

  // The form has taken the button's place, and the focus with it.
  useEffect(() => {
    if (wasRenaming.current && doing === undefined) renameButton.current?.focus()
    wasRenaming.current = doing === 'rename'
  }, [doing])

  async function remove (): Promise<void> {
    await settle(client.DELETE('/articles/{id}', { params: { path: { id } } }))
    onDeleted(article)
  }

  if (doing === 'rename') return <li className='article'><RenameArticle article={article} onRenamed={onRenamed} onClose={done} /></li>
  return (
    <li className='article'>
      <div>
        <h2>{name}</h2>
        <p className='quiet'>
          {author ?? 'by someone who has left'}, <Moment at={createdAt} />{updatedAt !== createdAt && <>, renamed <Moment at={updatedAt} /></>}
        </p>
      </div>
      {mayChange && (
        <div className='tools'>
          <button ref={renameButton} className='button button-quiet' aria-label={`Rename “${name}”`} onClick={() => setDoing('rename')}>Rename</button>
          <button className='button button-quiet' aria-label={`Delete “${name}”`} onClick={() => setDoing('delete')}>Delete</button>
        </div>
      )}
      {doing === 'delete' && (
        <Confirm title='Delete this article?' text={`“${name}” will be gone for everyone. This cannot be undone.`} verb='Delete it' act={remove} onClose={done} />
      )}
    </li>
  )
}
