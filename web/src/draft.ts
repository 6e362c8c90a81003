import { useEffect, useState } from 'react'

interface Draft {
  name: string
  /** What was sent last without an answer, and under which key. */
  sent?: { name: string, key: string }
}

const place = 'draft'

/** The article being written. It outlives a reload and a new sign-in in this tab, and is gone when the user signs out. */
export function useDraft () {
  const [draft, setDraft] = useState(read)

  useEffect(() => sessionStorage.setItem(place, JSON.stringify(draft)), [draft])

  return {
    name: draft.name,
    /** Whether it was sent as it stands, and may have arrived. */
    isUnanswered: draft.sent?.name === draft.name,
    setName: (name: string) => setDraft(draft => ({ ...draft, name })),
    /** The key to send it under: the same until there is an answer, so that a retry makes no second article. */
    send: (): string => {
      const key = draft.sent?.name === draft.name ? draft.sent.key : newKey()
      setDraft(draft => ({ ...draft, sent: { name: draft.name, key } }))
      return key
    },
    /** There is an answer. */
    settle: () => setDraft(({ name }) => ({ name })),
    /** It is published; what has been written since then stays. */
    clear: (published: string) => setDraft(({ name }) => ({ name: name === published ? '' : name }))
  }
}

function read (): Draft {
  const kept: unknown = JSON.parse(sessionStorage.getItem(place) ?? 'null')
  return isDraft(kept) ? kept : { name: '' }
}

function isDraft (value: unknown): value is Draft {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
}

// crypto.randomUUID is there for https and localhost only.
function newKey (): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')
}
