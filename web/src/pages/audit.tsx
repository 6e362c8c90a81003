import { client, unwrapPage, type AuditEntry } from '../api/session-client.ts'
import { ListView } from '../components/list-view.tsx'
import { Page } from '../components/page.tsx'
import { Timestamp } from '../components/timestamp.tsx'
import { useMessages } from '../i18n/language.ts'
import { useList, type ListCache, type Load } from '../use-list.ts'

const pageSize = 50

export function AuditPage ({ cache }: { cache: ListCache<AuditEntry> }) {
  const { audit } = useMessages()
  const list = useList({ query: 'audit', load: loadAudit, cache })

  function describeChanges ({ changes }: AuditEntry): string {
    return Object.entries(changes).map(([name, value]) => `, ${name} ${value ?? audit.none}`).join('')
  }

  return (
    <Page title={audit.title} intro={audit.intro}>
      <ListView list={list} label={audit.title} className='audit' empty={audit.empty} end={audit.end}>
        {entry => (
          <>
            <p>{audit.entry(<><strong><bdi>{entry.actor}</bdi></strong>{entry.actorKind === 'service' && ` ${audit.service}`}</>, entry.action, <strong><bdi>{entry.username}</bdi></strong>)}</p>
            <p className='quiet'><Timestamp at={entry.at} />{describeChanges(entry)}</p>
          </>
        )}
      </ListView>
    </Page>
  )
}

const loadAudit: Load<AuditEntry> = async (after, signal) => unwrapPage<AuditEntry>(client.GET('/admin/audit', {
  params: { query: { limit: pageSize, ...(after !== undefined && { after }) } }, signal
}))
