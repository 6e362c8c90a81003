import type { PasswordPolicy } from './config.ts'
import { useFormats } from './i18n/formats.ts'
import { useMessages } from './i18n/language.ts'

/** The user pool's password policy in words. */
export function usePasswordRule ({ minLength, requireLowercase, requireUppercase, requireNumbers, requireSpecialCharacters }: PasswordPolicy): string {
  const { password } = useMessages()
  const { list } = useFormats()
  const kinds = [
    requireLowercase && password.lowercase,
    requireUppercase && password.uppercase,
    requireNumbers && password.digit,
    requireSpecialCharacters && password.symbol
  ].filter(kind => kind !== false)
  return password.rule(minLength, list.format(kinds))
}
