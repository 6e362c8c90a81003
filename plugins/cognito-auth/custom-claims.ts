/**
 * The custom claims of your tokens. Declare them once, and `request.user.claims` has them:
 *
 * ```ts
 * declare module 'fastify-cognito-auth' {
 *   interface CustomClaims { 'custom:tenant_id'?: string }
 * }
 * ```
 */
// It is empty so that a service can merge its own members into it.
export interface CustomClaims {}
