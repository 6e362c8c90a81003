import { useEffect, useRef, useState } from 'react'
import { hasCode } from '../api/errors.ts'
import { client, expectSuccess, type Article } from '../api/session-client.ts'
import { useMessages } from '../i18n/language.ts'
import { ConfirmDialog } from './confirm-dialog.tsx'
import { RenameArticle } from './rename-article.tsx'
import { Timestamp } from './timestamp.tsx'

interface ArticleRowProps {
  article: Article
  canChange: boolean
  /** Its author or somebody else has renamed it. */
  onChanged: (article: Article) => void
  onRenamed: (article: Article) => void
  onDeleted: (article: Article) => void
}

export function ArticleRow ({ article, canChange, onChanged, onRenamed, onDeleted }: ArticleRowProps) {
  const { articles } = useMessages()
  const [action, setAction] = useState<'rename' | 'delete'>()
  const { id, name } = article
  const finish = () => setAction(undefined)
  const renameButton = useRef<HTMLButtonElement>(null)
  const wasRenaming = useRef(false)

  // The form took the place of the button that had the focus.
  useEffect(() => {
    if (wasRenaming.current && action === undefined) renameButton.current?.focus()
    wasRenaming.current = action === 'rename'
  }, [action])

  async function remove (): Promise<void> {
    try {
      await expectSuccess(client.DELETE('/articles/{id}', { params: { path: { id } } }))
    } catch (error) {
      // Somebody else was faster.
      if (!hasCode(error, 'not_found')) throw error
    }
    onDeleted(article)
  }

  if (action === 'rename') {
    return <div className='article'><RenameArticle article={article} onChanged={onChanged} onRenamed={onRenamed} onClose={finish} /></div>
  }
  return (
    <div className='article'>
      <div>
        <h2 dir='auto'><a href={`#/articles/${id}`}>{name}</a></h2>
        <Byline article={article} />
      </div>
      {canChange && (
        <div className='tools'>
          <button ref={renameButton} className='button button-quiet' aria-label={articles.renameOne(name)} onClick={() => setAction('rename')}>{articles.rename}</button>
          <button className='button button-quiet' aria-label={articles.deleteOne(name)} onClick={() => setAction('delete')}>{articles.delete}</button>
        </div>
      )}
      {action === 'delete' && (
        <ConfirmDialog title={articles.deleteTitle} text={articles.deleteText(<bdi>{name}</bdi>)} action={articles.delete} onConfirm={remove} onClose={finish} />
      )}
    </div>
  )
}

function Byline ({ article: { author, createdAt, updatedAt } }: { article: Article }) {
  const { articles } = useMessages()
  return (
    <p className='quiet'>
      {articles.byline(author === null ? articles.authorGone : <bdi>{author}</bdi>, <Timestamp at={createdAt} />)}
      {updatedAt !== createdAt && articles.renamed(<Timestamp at={updatedAt} />)}
    </p>
  )
}
