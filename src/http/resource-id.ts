import { Type } from '@sinclair/typebox'

/** The id of a resource: a positive integer, as the database assigns it. */
export const ResourceIdSchema = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, format: 'int64', examples: [1] })

/** The parameters of a route below `/:id`. An id that cannot exist is a 404. */
export const IdParamsSchema = Type.Object({ id: ResourceIdSchema })
