import { Page } from '../components/page.tsx'
import type { PasswordPolicy } from '../config.ts'
import { useMessages } from '../i18n/language.ts'

export function AccountPage ({ passwordPolicy }: { passwordPolicy: PasswordPolicy }) {
  const { account } = useMessages()
  return <Page title={account.title}>{passwordPolicy.minLength}</Page>
}
