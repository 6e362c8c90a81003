// `fastify-cognito-auth`: the plugin, and the type of `request.user`.

import type { VerifiedUser } from './verified-user.ts'

// The one place where Fastify's plugins declare the type of `request.user`: two declarations of their own
// would conflict.
declare module '@fastify/jwt' {
  interface FastifyJWT {
    /**
     * The verified user. Reading it where no guard has verified a user is a mistake in the code, and throws.
     */
    user: VerifiedUser
  }
}

export type { FastifyJWT } from '@fastify/jwt'
export * from './plugin.ts'
export { default } from './plugin.ts'
