/**
 * The address of the service that serves this page, without a trailing slash. A proxy may serve it under a
 * path.
 */
export const serviceUrl = new URL('.', location.href).href.replace(/\/$/, '')

/** The configuration that the service serves at /config.json. */
export interface Config {
  region: string
  userPoolId: string
  clientId: string
  endpoint?: string
  adminGroup: string
  passwordPolicy: PasswordPolicy
}

/** The rules for passwords in the user pool, in Amplify's words. */
export interface PasswordPolicy {
  minLength: number
  requireLowercase: boolean
  requireUppercase: boolean
  requireNumbers: boolean
  requireSpecialCharacters: boolean
}

/** @throws if the service cannot be reached */
export async function loadConfig (): Promise<Config> {
  const response = await fetch(`${serviceUrl}/config.json`)
  if (!response.ok) throw new Error(`/config.json responds with ${response.status}`)
  return response.json()
}
