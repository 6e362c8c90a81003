import buildSerializer from 'fast-json-stringify'
import type { FastifyRouteSchemaDef } from 'fastify/types/schema.js'

/** Fastify's own serializer compiler, save that a schema is compiled once there is something to serialise: a start would wait for all of them. */
export function compileSerializer ({ schema }: FastifyRouteSchemaDef<object>): (data: unknown) => string {
  let serialize: ((data: unknown) => string) | undefined
  return data => {
    serialize ??= buildSerializer(schema)
    return serialize(data)
  }
}
