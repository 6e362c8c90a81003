import buildSerializer from 'fast-json-stringify'
import type { FastifyRouteSchemaDef } from 'fastify/types/schema.js'

type Serialize = (value: unknown) => string

// Many routes share a schema.
const serializers = new WeakMap<object, Serialize>()

/**
 * Serialises a value as JSON by a schema without references to other schemas.
 * A schema is compiled when the first response needs it, so that the service starts faster.
 */
export function serialize (schema: object, value: unknown): string {
  let serializer = serializers.get(schema)
  if (serializer === undefined) serializers.set(schema, serializer = buildSerializer(schema))
  return serializer(value)
}

/** Fastify's serializer compiler, for schemas without references to other schemas. */
export function compileSerializer ({ schema }: FastifyRouteSchemaDef<object>): Serialize {
  return value => serialize(schema, value)
}
