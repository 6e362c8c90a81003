import { useState } from 'react'

interface Draft {
  name: string
  /** The name last sent without a response, and its idempotency key. */
  sent?: { name: string, key: string }
}

const storageKey = 'draft'

/**
 * The article being written. It survives a reload. session.ts removes it on sign-out or when another person
 * signs in.
 */
export function useDraft () {
  const [draft, setDraft] = useState(readDraft)

  /** Stores the draft at once: an effect would run after the sign-out that has cleared the storage. */
  function change (next: Draft): void {
    sessionStorage.setItem(storageKey, JSON.stringify(next))
    setDraft(next)
  }

  return {
    name: draft.name,
    /** Whether this name was sent and may have arrived. */
    isUnconfirmed: draft.sent?.name === draft.name,
    setName: (name: string) => change({ ...draft, name }),
    /**
     * Returns the idempotency key. It stays the same until there is a response, so that a retry creates no
     * second article.
     */
    send: (): string => {
      const key = draft.sent?.name === draft.name ? draft.sent.key : newKey()
      change({ ...draft, sent: { name: draft.name, key } })
      return key
    },
    /** The service has refused the name. The next attempt gets a new key. */
    refuse: () => change({ name: readDraft().name }),
    /** The article is published. Text written since then stays. */
    clear: (published: string) => {
      const { name } = readDraft()
      change({ name: name === published ? '' : name })
    }
  }
}

function readDraft (): Draft {
  const stored: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? 'null')
  return isDraft(stored) ? stored : { name: '' }
}

function isDraft (value: unknown): value is Draft {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
}

// crypto.randomUUID exists on https and localhost only.
function newKey (): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')
}
