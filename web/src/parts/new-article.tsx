import { useRef, useState, type FormEvent } from 'react'
import { client, take, type Article } from '../client.ts'
import { useDraft } from '../draft.ts'
import { asFailure, faultOf, Refusal, Unreachable, type Failure } from '../failure.ts'
import { FailureNotice } from './failure-notice.tsx'
import { Field } from './field.tsx'
import { Notice } from './notice.tsx'

const mostCharacters = 50

export function NewArticle ({ onCreated }: { onCreated: (article: Article) => void }) {
  const draft = useDraft()
  const field = useRef<HTMLInputElement>(null)
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure>()
  const fault = faultOf(failure, 'name')
  const length = Array.from(draft.name.trim()).length

  async function publish (event: FormEvent): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setFailure(undefined)
    try {
      onCreated(await take(client.POST('/articles', { params: { header: { 'idempotency-key': draft.send() } }, body: { name: draft.name } })))
      draft.clear(draft.name)
    } catch (error) {
      const failure = asFailure(error)
      setFailure(failure)
      if (failure instanceof Refusal && failure.status < 500) draft.settle()
    } finally {
      setBusy(false)
      field.current?.focus()
    }
  }

  return (
    <form className='card' onSubmit={publish} noValidate>
      <h2>Write</h2>
      <Field
        ref={field}
        label='Name'
        name='name'
        autoComplete='off'
        value={draft.name}
        fault={fault}
        hint={<span className={length > mostCharacters ? 'too-many' : undefined}>{length} of {mostCharacters} characters</span>}
        onChange={event => draft.setName(event.target.value)}
      />
      {failure instanceof Unreachable && draft.isUnanswered && (
        <Notice tone='bad' title='The connection was lost'>
          It is not known whether the article arrived. Publish it again: it will be there once, not twice.
        </Notice>
      )}
      {failure !== undefined && fault === undefined && !(failure instanceof Unreachable) && <FailureNotice failure={failure} />}
      <button className='button button-main' disabled={busy}>{busy ? 'Publishing…' : draft.isUnanswered ? 'Publish again' : 'Publish'}</button>
    </form>
  )
}
