import { useEffect, useRef, useState, type FormEvent, type ReactNode } from 'react'
import { isInvalid, toRequestError, type RequestError } from '../api/errors.ts'
import { client, expectSuccess, unwrap, type Article } from '../api/session-client.ts'
import { useMessages } from '../i18n/language.ts'
import { ErrorNotice } from './error-notice.tsx'
import { Field } from './field.tsx'
import { Notice } from './notice.tsx'

interface RenameArticleProps {
  article: Article
  onChanged: (article: Article) => void
  onRenamed: (article: Article) => void
  onClose: () => void
}

export function RenameArticle ({ article, onChanged, onRenamed, onClose }: RenameArticleProps) {
  const { app, articles, errors } = useMessages()
  const { id } = article
  const field = useRef<HTMLInputElement>(null)
  const [name, setName] = useState(article.name)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<RequestError>()
  const [conflict, setConflict] = useState<ReactNode>()

  useEffect(() => {
    field.current?.focus()
    field.current?.select()
  }, [])

  async function rename (event: FormEvent): Promise<void> {
    event.preventDefault()
    if (isBusy) return
    setBusy(true)
    setError(undefined)
    setConflict(undefined)
    try {
      const { data: latest, response } = await expectSuccess(client.GET('/articles/{id}', { params: { path: { id } } }))
      // The user has not seen the other name yet, and decides whether to overwrite it.
      if (latest !== undefined && latest.updatedAt !== article.updatedAt) return showConflict(latest)
      const header = { 'if-match': response.headers.get('etag') ?? '*' }
      onRenamed(await unwrap(client.PATCH('/articles/{id}', { params: { path: { id }, header }, body: { name } })))
      onClose()
    } catch (error) {
      setError(toRequestError(error))
      stay()
    }
  }

  function showConflict (latest: Article): void {
    onChanged(latest)
    setConflict(articles.changedMeanwhile(<bdi>{latest.name}</bdi>))
    stay()
  }

  function stay (): void {
    setBusy(false)
    field.current?.focus()
  }

  const nameError = isInvalid(error, 'name') ? articles.nameRule : undefined
  return (
    <form className='rename' onSubmit={rename} onKeyDown={event => event.key === 'Escape' && onClose()} noValidate>
      <Field ref={field} label={articles.newName} name='name' dir='auto' autoComplete='off' value={name} error={nameError} onChange={event => setName(event.target.value)} />
      {conflict !== undefined && <Notice tone='bad' title={errors.refused}>{conflict}</Notice>}
      {error !== undefined && nameError === undefined && <ErrorNotice error={error} />}
      <div className='buttons'>
        <button className='button button-main' aria-disabled={isBusy}>{app.save}</button>
        <button className='button' type='button' onClick={onClose}>{app.cancel}</button>
      </div>
    </form>
  )
}
