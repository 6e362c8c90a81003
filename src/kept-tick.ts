// V8 forgets the shape of a kind of objects once there is none of them. The objects that stand for the callbacks of
// process.nextTick lose theirs whenever garbage is collected in a quiet moment, of which a start has some, and what was
// learnt for the old shape does not fit the new one: each call then takes ten times as long (0.27 in place of 0.03 µs,
// Node 24.21), for as long as the process lives, and a request has eight. One object that is kept keeps the shape.

import { executionAsyncResource } from 'node:async_hooks'

/** The object of one callback. */
export const keptTicks: object[] = []

process.nextTick(() => keptTicks.push(executionAsyncResource()))
