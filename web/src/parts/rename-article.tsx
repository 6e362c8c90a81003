import { useEffect, useRef, useState, type FormEvent } from 'react'
import { client, settle, take, type Article } from '../client.ts'
import { asFailure, faultOf, Refusal, type Failure } from '../failure.ts'
import { FailureNotice } from './failure-notice.tsx'
import { Field } from './field.tsx'

interface RenameArticleProps {
  article: Article
  onRenamed: (article: Article) => void
  onClose: () => void
}

export function RenameArticle ({ article, onRenamed, onClose }: RenameArticleProps) {
  const { id } = article
  const field = useRef<HTMLInputElement>(null)
  // Of the article as this reader sees it: a change by another, meanwhile, is not overwritten unseen.
  const tag = useRef<string>(undefined)
  const [name, setName] = useState(article.name)
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure>()

  useEffect(() => field.current?.select(), [])

  async function rename (event: FormEvent): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setFailure(undefined)
    try {
      tag.current ??= await readTag()
      const header = { 'if-match': tag.current }
      onRenamed(await take(client.PATCH('/articles/{id}', { params: { path: { id }, header }, body: { name } })))
      onClose()
    } catch (error) {
      setFailure(asFailure(error))
      setBusy(false)
      field.current?.focus()
    }
  }

  async function readTag (): Promise<string> {
    const { data, response } = await settle(client.GET('/articles/{id}', { params: { path: { id } } }))
    if (data?.updatedAt !== article.updatedAt) {
      onRenamed(data ?? article)
      throw new Refusal(412, { code: 'precondition_failed', detail: `Somebody has renamed it to “${data?.name}” meanwhile. Save again to overwrite that.` })
    }
    return response.headers.get('etag') ?? '*'
  }

  const fault = faultOf(failure, 'name')
  return (
    <form className='rename' onSubmit={rename} onKeyDown={event => event.key === 'Escape' && onClose()} noValidate>
      <Field ref={field} label='New name' name='name' autoComplete='off' value={name} fault={fault} onChange={event => setName(event.target.value)} />
      {failure !== undefined && fault === undefined && <FailureNotice failure={failure} />}
      <div className='buttons'>
        <button className='button button-main' disabled={busy}>Save</button>
        <button className='button' type='button' onClick={onClose}>Cancel</button>
      </div>
    </form>
  )
}
