/** What a process held at a time: seconds since it began, and megabytes. */
export interface Sample { at: number, held: number }

export interface Memory {
  /** Megabytes at the end of the second minute and at the end of all: medians of some seconds. */
  begin: number
  end: number
  /** Growth over the second half, in megabytes, along the line of least squares. */
  growth: number
  /** Megabytes an hour, along that line. */
  slope: number
}

/** Whether memory is flat is told from the second half: caches fill up in the first. */
export function judgeMemory (samples: Sample[]): Memory {
  const last = samples.at(-1)?.at ?? 0
  const half = samples.filter(({ at }) => at >= last / 2)
  const slope = slopeOf(half)
  return {
    begin: median(samples.filter(({ at }) => Math.abs(at - Math.min(120, last)) <= 5)),
    end: median(samples.filter(({ at }) => at >= last - 10)),
    growth: slope * (last - (half[0]?.at ?? 0)),
    slope: slope * 3600
  }
}

function slopeOf (samples: Sample[]): number {
  const mean = (pick: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length
  const [at, held] = [mean(sample => sample.at), mean(sample => sample.held)]
  const spread = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0)
  return spread === 0 ? 0 : samples.reduce((sum, sample) => sum + (sample.at - at) * (sample.held - held), 0) / spread
}

function median (samples: Sample[]): number {
  return samples.map(({ held }) => held).sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? NaN
}
