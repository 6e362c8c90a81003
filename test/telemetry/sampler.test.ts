import { readFileSync } from 'node:fs'
import t from 'tap'
import { createSampler } from '../../src/telemetry/sampler.ts'
import { serviceVersion } from '../../src/telemetry/service-version.ts'

t.test('createSampler makes the sampler that the variables name', async t => {
  for (const [name, argument, description] of [
    [undefined, undefined, /^ParentBased\{root=AlwaysOnSampler/],
    ['', '', /^ParentBased\{root=AlwaysOnSampler/],
    ['always_on', undefined, /^AlwaysOnSampler$/],
    ['always_off', undefined, /^AlwaysOffSampler$/],
    ['traceidratio', '0.25', /^TraceIdRatioBased\{0\.25\}$/],
    ['parentbased_traceidratio', '0.1', /^ParentBased\{root=TraceIdRatioBased\{0\.1\}/],
    ['parentbased_always_off', undefined, /^ParentBased\{root=AlwaysOffSampler/]
  ] as const) {
    t.match(createSampler({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument }).toString(), description, `${name}`)
  }
})

t.test('createSampler rejects unknown samplers and ratios', async t => {
  t.throws(() => createSampler({ OTEL_TRACES_SAMPLER: 'sometimes' }), { message: /^OTEL_TRACES_SAMPLER: held "sometimes"; it takes / })
  for (const argument of ['1.1', '-1', 'half']) {
    t.throws(() => createSampler({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: argument }), { message: /^OTEL_TRACES_SAMPLER_ARG: held / })
  }
})

t.test('serviceVersion is the version in package.json', async t => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  t.equal(serviceVersion, version)
})
