/**
 * The user pool's password policy. It is the only place that states it: the pages show it, `deploy/aws`
 * creates the pool with it, and the emulator enforces it. For a pool with another policy, change it here.
 */
export const passwordPolicy = {
  minLength: 12,
  requireLowercase: true,
  requireUppercase: true,
  requireNumbers: true,
  requireSpecialCharacters: true
}
