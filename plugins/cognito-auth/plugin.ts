// `fastify-cognito-auth/plugin`: the plugin without the type of `request.user`, for services in which another
// plugin has it.

import type { FastifyBaseLogger, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { buildGuards, type Guards, type RequestTokens } from './guards.ts'
import { keySetFetcher } from './keys/fetch-key-set.ts'
import type { KeySetStatistics } from './keys/cached-key-set.ts'
import { KeyStore, type KeyStoreEvent } from './keys/key-store.ts'
import type { CognitoAuthOptions } from './options.ts'
import { InvalidOptionError, readOptions } from './settings.ts'
import { TokenVerifier } from './token-verifier.ts'

export { isCognitoAuthError } from './errors.ts'
export * from './custom-claims.ts'
export type { CognitoAuthError, CognitoAuthErrorCode, RefusalReason } from './errors.ts'
export type { Claims, TokenUse } from './claims.ts'
export type { Guard, Guards, RequestTokens } from './guards.ts'
export type { KeySetStatistics } from './keys/cached-key-set.ts'
export type { KeySetStorage, StoredKeySet } from './keys/key-set-storage.ts'
export type { CognitoAuthOptions, CustomCheckInput, JwkSet, TokenRules, UserPoolOptions } from './options.ts'
export type { TokenStatistics } from './token-verifier.ts'
export type { VerifiedUser } from './verified-user.ts'

/** The members of `fastify.cognito`, or of the decorator that `namespace` names. */
export interface CognitoAuth extends Guards, RequestTokens {
  /** Whether every user pool has keys in hand: what a readiness probe asks. */
  isReady: () => boolean
  /** By issuer, in the order of the options. */
  keySetStatistics: () => KeySetStatistics[]
}

declare module 'fastify' {
  interface FastifyInstance extends Guards {
    cognito: CognitoAuth
  }
}

/** Guards routes with the tokens of Amazon Cognito user pools. */
export const cognitoAuth: FastifyPluginAsync<CognitoAuthOptions> = async (fastify, options) => {
  const settings = readOptions(options)
  const { issuers, namespace = 'cognito', decoratorName } = settings
  const keyStore = new KeyStore({
    issuers: [...issuers.values()],
    fetch: keySetFetcher(options),
    storage: options.keySetStorage,
    cacheTtlSeconds: settings.jwksCacheTtlSeconds,
    allowDevelopmentKeys: settings.allowDevelopmentKeys,
    onEvent: event => logKeyStoreEvent(fastify.log, event)
  })
  // A symbol of its own, so that two registrations share nothing.
  const slot = Symbol('cognito-auth')
  const { authenticate, authenticateOptional, requireGroup, requireScope, verifyToken, ...tokens } =
    buildGuards(new TokenVerifier(settings, keyStore), settings, options.getToken, slot)
  const guards: Guards = { authenticate, authenticateOptional, requireGroup, requireScope, verifyToken }

  checkFree(fastify.hasRequestDecorator(decoratorName), `request.${decoratorName} is taken by another plugin: give decoratorName another name`)
  const names = settings.namespace === undefined ? [namespace, ...Object.keys(guards)] : [namespace]
  for (const name of names) checkFree(fastify.hasDecorator(name), `fastify.${name} is taken by another plugin: give namespace another name`)
  fastify.decorateRequest(slot, null)
  fastify.decorateRequest(decoratorName, {
    getter (this: FastifyRequest) {
      const user = tokens.findUser(this)
      if (user === null) throw new Error(`request.${decoratorName} was read where no guard has verified a user`)
      return user
    }
  })
  const cognito: CognitoAuth = {
    ...guards,
    ...tokens,
    isReady: () => keyStore.ready,
    keySetStatistics: () => keyStore.statistics()
  }
  fastify.decorate<CognitoAuth>(namespace, cognito)
  if (settings.namespace === undefined) for (const [name, guard] of Object.entries(guards)) fastify.decorate(name, guard)
  fastify.addHook('onReady', async () => keyStore.start())
  fastify.addHook('onClose', async () => keyStore.close())
}

export default fp(cognitoAuth, { name: 'fastify-cognito-auth', fastify: '5.x' })

function checkFree (isTaken: boolean, message: string): void {
  if (isTaken) throw new InvalidOptionError(message)
}

function logKeyStoreEvent (log: FastifyBaseLogger, event: KeyStoreEvent): void {
  const { issuer } = event
  switch (event.type) {
    case 'fetched': return log.debug({ issuer, kids: event.kids }, 'signing keys fetched')
    case 'restored': return log.warn({ issuer, kids: event.kids, fetchedAt: event.fetchedAt }, 'signing keys taken from storage')
    case 'storage-failed': return log.error({ issuer, err: event.error }, 'signing keys could not be stored')
    case 'fetch-failed': return log[event.optional ? 'debug' : 'warn']({ issuer, keysInHand: event.keysInHand, err: event.error }, 'signing keys could not be fetched')
  }
}
