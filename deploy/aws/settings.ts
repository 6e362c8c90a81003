/** The settings of a deployment, given as CDK context: `-c serviceUrl=https://articles.example.com`. */
export interface Settings {
  /** The address at which the Lambda reaches the service, without a trailing slash. */
  serviceUrl: string
  stackName: string
  adminGroup: string
  /** The first label of the pool's domain; empty for `articles-` and the account's number. */
  domainPrefix: string
  mfaRequired: boolean
  /** Whether a sign-up fails when the service cannot be notified. */
  confirmationRequired: boolean
}

/** Invalid settings: one line for each. */
export class SettingsError extends Error {}

const isBoolean = (text: string) => text === 'true' || text === 'false'

// The event holds personal data, so it is sent over TLS only.
function isServiceUrl (text: string): boolean {
  const url = URL.parse(text)
  return url?.protocol === 'https:' && url.username === '' && url.password === '' && !/[?#\s]/.test(text)
}

const definitions = {
  serviceUrl: { expected: "the service's https URL without credentials, query or fragment, such as https://articles.example.com", isValid: isServiceUrl, defaultValue: '' },
  stackName: { expected: 'a letter, then up to 127 letters, digits and hyphens', isValid: (text: string) => /^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(text), defaultValue: 'articles-users' },
  // https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html
  adminGroup: { expected: "a Cognito group's name, 1 to 128 characters without white space", isValid: (text: string) => /^[\p{L}\p{M}\p{S}\p{N}\p{P}]{1,128}$/u.test(text), defaultValue: 'admin' },
  // https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html
  domainPrefix: { expected: 'up to 63 lower-case letters, digits and inner hyphens, without aws, amazon or cognito', isValid: isDomainPrefix, defaultValue: '' },
  mfaRequired: { expected: 'true or false', isValid: isBoolean, defaultValue: 'false' },
  confirmationRequired: { expected: 'true or false', isValid: isBoolean, defaultValue: 'false' }
}

function isDomainPrefix (text: string): boolean {
  return text === '' || (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text) && !/aws|amazon|cognito/.test(text))
}

/** @throws {SettingsError} which lists every invalid setting */
export function readSettings (context: (name: string) => unknown): Settings {
  const errors: string[] = []
  const read = (name: keyof typeof definitions): string => {
    const { expected, isValid, defaultValue } = definitions[name]
    const text = String(context(name) ?? defaultValue)
    if (!isValid(text)) errors.push(`${name}: ${JSON.stringify(text)} is invalid; expected ${expected}`)
    return text
  }
  const settings = {
    serviceUrl: read('serviceUrl').replace(/\/+$/, ''),
    stackName: read('stackName'),
    adminGroup: read('adminGroup'),
    domainPrefix: read('domainPrefix'),
    mfaRequired: read('mfaRequired') === 'true',
    confirmationRequired: read('confirmationRequired') === 'true'
  }
  if (errors.length > 0) throw new SettingsError(errors.join('\n'))
  return settings
}
