/** Headers of every response: a browser takes its media type literally, loads nothing for it and never shows it in a frame. */
export const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'"
}
