import { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, TraceIdRatioBasedSampler, type Sampler } from '@opentelemetry/sdk-trace'

/**
 * The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name. By default the caller's choice
 * holds, and a request without a trace begins one.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
 * @throws {Error} where the variables name no sampler
 */
export function createSampler ({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument }: Record<string, string | undefined>): Sampler {
  const [, parentBased, kind] = /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(name || 'parentbased_always_on') ?? []
  const ratio = Number(argument || '1')
  if (kind === undefined) throw new Error(`OTEL_TRACES_SAMPLER: held ${JSON.stringify(name)}; it takes always_on, always_off, traceidratio, or one of these after parentbased_`)
  if (!(ratio >= 0 && ratio <= 1)) throw new Error(`OTEL_TRACES_SAMPLER_ARG: held ${JSON.stringify(argument)}; it takes a number from 0 to 1`)
  const root = rootSampler(kind, ratio)
  return parentBased === undefined ? root : new ParentBasedSampler({ root })
}

function rootSampler (kind: string, ratio: number): Sampler {
  if (kind === 'always_on') return new AlwaysOnSampler()
  return kind === 'always_off' ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio)
}
