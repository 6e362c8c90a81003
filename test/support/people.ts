import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { bearer } from './app.ts'
import type { UserPool } from './user-pool.ts'

/** A user with a token who sends requests to a service. */
export interface Person {
  token: string
  request (method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE', url: string, options?: InjectOptions): Promise<LightMyRequestResponse>
}

/**
 * A user with an id token of the pool. The subject and the e-mail come from the username, unless the claims
 * set them.
 */
export function person (app: FastifyInstance, pool: UserPool, username: string, claims: Record<string, unknown> = {}): Person {
  return personWith(app, pool.idToken({ sub: `subject-of-${username}`, 'cognito:username': username, email: `${username}@example.com`, ...claims }))
}

export function administrator (app: FastifyInstance, pool: UserPool): Person {
  return person(app, pool, 'root', { 'cognito:groups': ['admin'] })
}

export function personWith (app: FastifyInstance, token: string): Person {
  return {
    token,
    request: (method, url, options = {}) => app.inject({ method, url, ...options, headers: { ...bearer(token), ...options.headers } })
  }
}

/** The status and the code of a problem. */
export function codes (response: LightMyRequestResponse): [number, string] {
  return [response.statusCode, response.json().code]
}
