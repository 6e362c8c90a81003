import t from 'tap'
import { corsRule, isCorsOrigin } from '../../src/http/cors-origins.ts'

t.test('isCorsOrigin accepts web origins, app origins and one asterisk as the first label', async t => {
  for (const item of [
    'https://app.example.com', 'http://localhost:5173', 'http://tauri.localhost', 'https://xn--bcher-kva.example',
    'capacitor://localhost', 'tauri://localhost', 'ionic://localhost', 'app://localhost:3000', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'https://*.example.com', 'https://*.preview.example.com:8443'
  ]) t.ok(isCorsOrigin(item), item)
})

t.test('isCorsOrigin rejects what no browser sends as an origin, and asterisks that would match too much', async t => {
  for (const item of [
    '*', 'null', 'app.example.com', 'https://app.example.com/', 'HTTPS://app.example.com', 'https://user@app.example.com', 'https://app.example.com:443',
    'capacitor://localhost/', 'capacitor://', 'Capacitor://localhost', 'capacitor://user@localhost', 'file://localhost', 'ftp://example.com', 'javascript://x', 'ws://example.com',
    'https://*', 'https://*.com', 'https://*.com.', 'https://*.', 'https://*example.com', 'https://app.*.example.com', 'https://*.*.example.com', 'https://*.example.com/',
    'https://*.example.com:443', 'capacitor://*.example.com'
  ]) t.notOk(isCorsOrigin(item), item)
})

t.test('corsRule leaves an origin without an asterisk as text', async t => {
  for (const item of ['https://app.example.com', 'capacitor://localhost']) t.equal(corsRule(item), item)
})

t.test('corsRule matches exactly one label in the place of an asterisk', async t => {
  const rule = new RegExp(corsRule('https://*.example.com:8443'))
  for (const origin of ['https://a.example.com:8443', 'https://pr-12.example.com:8443']) t.match(origin, rule, origin)
  for (const origin of [
    'https://example.com:8443', 'https://.example.com:8443', 'https://a.b.example.com:8443', 'http://a.example.com:8443', 'https://a.example.com',
    'https://a.example.com:84430', 'https://aXexample.com:8443', 'https://evil.example/.example.com:8443', 'https://evil.example#.example.com:8443', `https://${'a'.repeat(64)}.example.com:8443`
  ]) t.notMatch(origin, rule, origin)
})
