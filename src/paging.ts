/**
 * The `Link` header (RFC 8288) of a page that is not the last: the same address, after the last id of this page.
 * @param url the address of this page, as it was asked for
 */
export function nextLink (url: string, lastId: number): string {
  const [path = '', query] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set('after', `${lastId}`)
  return `<${path}?${parameters}>; rel="next"`
}
