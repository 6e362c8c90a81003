import type { FastifyInstance, onRequestAsyncHookHandler, RouteOptions } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * `public`: every client may call the route. `guarded`: the guards of its scope decide. `guardRoutes`
     * sets the latter.
     */
    access?: 'public' | 'guarded'
  }
}

/**
 * Guards every route of a scope, and of the scopes below it.
 * @param hooks a ready-made array, such as `fastify.requireUser`
 */
export function guardRoutes (scope: FastifyInstance, hooks: onRequestAsyncHookHandler[]): void {
  for (const hook of hooks) scope.addHook('onRequest', hook)
  scope.addHook('onRoute', route => { route.config = { ...route.config, access: 'guarded' } })
}

/**
 * Prevents the start where a route of the scope is neither guarded nor declared public.
 * A new folder without a guard would otherwise serve every client.
 */
export function requireAccess (scope: FastifyInstance): void {
  const routes: RouteOptions[] = []
  scope.addHook('onRoute', route => { routes.push(route) })
  scope.addHook('onReady', async () => {
    const [open] = routes.filter(({ config }) => config?.access === undefined)
    if (open !== undefined) throw new Error(`${open.method} ${open.url} is neither guarded nor public: set its access (src/http/route-access.ts)`)
  })
}
