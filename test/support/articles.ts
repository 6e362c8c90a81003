import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { startApp } from './app.ts'
import { person, type Person } from './people.ts'

/** Starts a service with a user, who creates articles of these names. */
export async function startWithArticles (t: Test, ...names: string[]) {
  const { app, pool } = await startApp(t)
  const alice = person(app, pool, 'alice')
  for (const name of names) await createArticle(alice, name)
  return { app, pool, alice }
}

export async function createArticle (author: Person, name: unknown, headers = {}): Promise<LightMyRequestResponse> {
  return author.request('POST', '/articles', { payload: { name }, headers })
}

/** The names in a list of articles. */
export function namesOf (response: LightMyRequestResponse): string[] {
  return response.json().map(({ name }: { name: string }) => name)
}
