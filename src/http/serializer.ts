import buildSerializer from 'fast-json-stringify'
import type { FastifyRouteSchemaDef } from 'fastify/types/schema.js'

type Serialize = (value: unknown) => string

// Many routes share theirs.
const known = new WeakMap<object, Serialize>()

/**
 * The text of a value in JSON, as a schema says that refers to no others. It is compiled once there is something to serialise: a
 * start would wait for all of them.
 */
export function serialize (schema: object, value: unknown): string {
  let serializer = known.get(schema)
  if (serializer === undefined) known.set(schema, serializer = buildSerializer(schema))
  return serializer(value)
}

/** Fastify's serializer compiler, for schemas that refer to no others. */
export function compileSerializer ({ schema }: FastifyRouteSchemaDef<object>): Serialize {
  return value => serialize(schema, value)
}
