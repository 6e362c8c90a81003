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

const known = {
  serviceUrl: { takes: "the service's https URL without credentials, query or fragment, such as https://articles.example.com", fits: isServiceUrl, usual: '' },
  stackName: { takes: 'a letter, then up to 127 letters, digits and hyphens', fits: (text: string) => /^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(text), usual: 'articles-users' },
  // https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html
  adminGroup: { takes: "a Cognito group's name, 1 to 128 characters without white space", fits: (text: string) => /^[\p{L}\p{M}\p{S}\p{N}\p{P}]{1,128}$/u.test(text), usual: 'admin' },
  // https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html
  domainPrefix: { takes: 'up to 63 lower-case letters, digits and inner hyphens, without aws, amazon or cognito', fits: isDomainPrefix, usual: '' },
  mfaRequired: { takes: 'true or false', fits: isBoolean, usual: 'false' },
  confirmationRequired: { takes: 'true or false', fits: isBoolean, usual: 'false' }
}

function isDomainPrefix (text: string): boolean {
  return text === '' || (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text) && !/aws|amazon|cognito/.test(text))
}

/** @throws {SettingsError} which lists every invalid setting */
export function readSettings (context: (name: string) => unknown): Settings {
  const faults: string[] = []
  const read = (name: keyof typeof known): string => {
    const { takes, fits, usual } = known[name]
    const text = String(context(name) ?? usual)
    if (!fits(text)) faults.push(`${name}: held ${JSON.stringify(text)}; it takes ${takes}`)
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
  if (faults.length > 0) throw new SettingsError(faults.join('\n'))
  return settings
}
