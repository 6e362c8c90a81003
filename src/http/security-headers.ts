/**
 * Headers of every response. A browser uses the declared media type, loads no other resource and shows no
 * frame.
 */
export const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'"
}
