import { client, takePage, type AuditEntry } from '../client.ts'
import { useList, type Load } from '../list.ts'
import { ListFoot } from '../parts/list-foot.tsx'
import { Moment } from '../parts/moment.tsx'
import { Page } from '../parts/page.tsx'

export function AuditPage () {
  const list = useList(loadAudit)
  return (
    <Page title='Audit trail' intro='Who did what to which user, the newest first.'>
      <ol className='audit' aria-busy={list.state === 'loading'}>
        {list.rows.map(entry => (
          <li key={entry.id}>
            <p><strong>{entry.actor}</strong>{entry.actorKind === 'service' && ' (a part of the service)'} {verbs[entry.action] ?? entry.action} <strong>{entry.username}</strong></p>
            <p className='quiet'><Moment at={entry.at} />{describeChanges(entry)}</p>
          </li>
        ))}
      </ol>
      <ListFoot list={list} empty='Nothing has been done to any user yet.' />
    </Page>
  )
}

const loadAudit: Load<AuditEntry> = async (after, signal) => takePage<AuditEntry>(client.GET('/admin/audit', {
  params: { query: { limit: 50, ...(after !== undefined && { after }) } }, signal
}))

const verbs: Partial<Record<string, string>> = {
  bound: 'recognised',
  changed: 'changed',
  created: 'added',
  deleted: 'removed',
  disabled: 'disabled',
  enabled: 'enabled',
  signed_out: 'signed out'
}

function describeChanges ({ changes }: AuditEntry): string {
  return Object.entries(changes).map(([name, value]) => `, ${name} ${value ?? 'none'}`).join('')
}
