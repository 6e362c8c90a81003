/**
 * The form in which e-mail addresses are compared. Only ASCII letters are folded. `toLowerCase` would make
 * U+212A (Kelvin sign) a `k`, and let one address take over another.
 */
export function emailKey (email: string): string {
  return email.replace(/[A-Z]+/g, letters => letters.toLowerCase())
}
