import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Database } from '../database/tables.ts'
import { IdempotencyKeySchema, runOnce } from './run-once.ts'
import { prepareReply, type StoredResponse } from './stored-response.ts'

/** The request headers of a route that uses `createOnce`. */
export const CreateHeadersSchema = Type.Object({ 'idempotency-key': Type.Optional(IdempotencyKeySchema) })

type CreateRequest = Pick<FastifyRequest, 'body' | 'localUser' | 'params' | 'routeOptions'> & {
  headers: { 'idempotency-key'?: string }
}

/**
 * Creates a resource for a POST request. With an `Idempotency-Key`, it is created once, and a retry gets the
 * stored response.
 * @param restore completes a body that an older version stored alone; only for routes that it had
 * @returns the body, for the handler to return
 */
export async function createOnce (
  db: Database,
  { body, headers, localUser, params, routeOptions }: CreateRequest,
  reply: FastifyReply,
  create: (db: Database) => Promise<StoredResponse>,
  restore?: (body: string) => StoredResponse
): Promise<string> {
  const key = headers['idempotency-key']
  if (key === undefined) return prepareReply(reply, await create(db))
  const id = { userId: localUser.id, route: `POST ${routeOptions.url}`, key }
  return prepareReply(reply, await runOnce(db, { key: id, request: { params, body }, work: create, restore }))
}
