import createClient, { type Client } from 'openapi-fetch'
import type { paths } from './api.ts'

export type { components, paths } from './api.ts'

export interface ArticlesClientOptions {
  /** Where the service is, such as `https://articles.example.com`. */
  baseUrl: string
  /** A token of the user pool's; asked for at every request, so that it can be refreshed. */
  token: () => string | Promise<string>
  fetch?: (request: Request) => Promise<Response>
}

/**
 * A client of the service, typed by its OpenAPI document: `client.GET('/articles', { params: { query: {
 * limit: 10 } } })`.
 */
export function createArticlesClient ({ baseUrl, token, fetch }: ArticlesClientOptions): Client<paths> {
  const client = createClient<paths>({ baseUrl, ...(fetch && { fetch }) })
  client.use({
    async onRequest ({ request }) {
      request.headers.set('authorization', `Bearer ${await token()}`)
      return request
    }
  })
  return client
}
