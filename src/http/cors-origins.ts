const wildcard = /^(https?:\/\/)\*(\.[^*]+)$/
/** An origin of an app, such as capacitor://localhost or chrome-extension://<id>. */
const appOrigin = /^(?!(?:https?|wss?|ftp|file|blob|data|javascript):)[a-z][a-z0-9+.-]*:\/\/[a-z0-9][a-z0-9.-]*(?::\d{1,5})?$/

/**
 * Whether `CORS_ORIGINS` accepts an item: an origin of a web page or of an app, as browsers send it. The
 * first label of a web origin may be an asterisk. At least two labels follow the asterisk, because
 * `https://*.com` would be almost everybody.
 */
export function isCorsOrigin (item: string): boolean {
  const [, scheme = '', rest = ''] = wildcard.exec(item) ?? []
  if (scheme !== '') return /^\.[^.]+\.[^.]/.test(rest) && isWebOrigin(`${scheme}label${rest}`)
  return isWebOrigin(item) || appOrigin.test(item)
}

/**
 * The rule of one item for `@fastify/cors`: text compares as text, and an asterisk matches exactly one label.
 */
export function corsRule (item: string): string | RegExp {
  const [, scheme = '', rest = ''] = wildcard.exec(item) ?? []
  return scheme === '' ? item : new RegExp(`^${scheme}[a-z0-9_-]{1,63}${rest.replace(/[^a-z0-9-]/g, '\\$&')}$`)
}

function isWebOrigin (item: string): boolean {
  const url = URL.parse(item)
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === item && !item.includes('*')
}
