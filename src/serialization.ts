import buildSerializer from 'fast-json-stringify'
import type { FastifyRouteSchemaDef } from 'fastify/types/schema.js'

type Serialize = (value: unknown) => string

// Many routes share theirs.
const known = new WeakMap<object, Serialize>()

/**
 * Fastify's serializer compiler for schemas that refer to no others. A schema is compiled once there is something to serialise:
 * a start would wait for all of them.
 */
export function compileSerializer ({ schema }: FastifyRouteSchemaDef<object>): Serialize {
  return value => {
    let serialize = known.get(schema)
    if (serialize === undefined) known.set(schema, serialize = buildSerializer(schema))
    return serialize(value)
  }
}
