import { useRef, useState, type FormEvent } from 'react'
import { ApiError, isInvalid, NetworkError, toRequestError, type RequestError } from '../api/errors.ts'
import { client, unwrap, type Article } from '../api/session-client.ts'
import { useMessages } from '../i18n/language.ts'
import { useDraft } from '../use-draft.ts'
import { ErrorNotice } from './error-notice.tsx'
import { Field } from './field.tsx'
import { Notice } from './notice.tsx'

const maxCharacters = 50

export function NewArticle ({ onCreated }: { onCreated: (article: Article) => void }) {
  const { articles } = useMessages()
  const draft = useDraft()
  const field = useRef<HTMLInputElement>(null)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<RequestError>()
  const nameError = isInvalid(error, 'name') ? articles.nameRule : undefined
  const length = Array.from(draft.name.trim()).length
  const buttonText = draft.isUnconfirmed ? articles.publishAgain : articles.publish

  async function publish (event: FormEvent): Promise<void> {
    event.preventDefault()
    if (isBusy) return
    setBusy(true)
    setError(undefined)
    try {
      onCreated(await unwrap(client.POST('/articles', { params: { header: { 'idempotency-key': draft.send() } }, body: { name: draft.name } })))
      draft.clear(draft.name)
    } catch (error) {
      const requestError = toRequestError(error)
      setError(requestError)
      if (requestError instanceof ApiError && requestError.status < 500) draft.refuse()
    } finally {
      setBusy(false)
      field.current?.focus()
    }
  }

  return (
    <form className='card' onSubmit={publish} noValidate>
      <h2>{articles.write}</h2>
      <Field
        ref={field}
        label={articles.name}
        name='name'
        dir='auto'
        autoComplete='off'
        value={draft.name}
        error={nameError}
        hint={<span className={length > maxCharacters ? 'too-long' : undefined}>{articles.characters(length, maxCharacters)}</span>}
        onChange={event => draft.setName(event.target.value)}
      />
      {error instanceof NetworkError && draft.isUnconfirmed && (
        <Notice tone='bad' title={articles.connectionLost.title}>{articles.connectionLost.text}</Notice>
      )}
      {error !== undefined && nameError === undefined && !(error instanceof NetworkError) && <ErrorNotice error={error} />}
      <button className='button button-main' aria-disabled={isBusy}>{isBusy ? articles.publishing : buttonText}</button>
    </form>
  )
}
