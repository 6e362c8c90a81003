/**
 * Whether all percent-encoded bytes in the query of a URL are UTF-8. The query parser would replace other
 * bytes, and a replaced text could be stored. A percent sign that starts no escape is text.
 */
export function isQueryUtf8 (url: string): boolean {
  const start = url.indexOf('?')
  if (start === -1 || !url.includes('%', start)) return true
  try {
    for (const [escapes] of url.slice(start).matchAll(/(?:%[\da-f]{2})+/gi)) decodeURIComponent(escapes)
    return true
  } catch {
    return false
  }
}
