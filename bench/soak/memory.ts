/** The memory of a process at one moment. */
export interface Sample {
  /** The time since the start of the process. */
  atSeconds: number
  usedMb: number
}

export interface MemoryTrend {
  /** The median around the end of the second minute. */
  earlyMb: number
  /** The median of the last ten seconds. */
  lateMb: number
  /** The growth in the second half, by linear regression. */
  growthMb: number
  growthMbPerHour: number
}

/** Computes the trend from the second half, because caches fill in the first. */
export function measureTrend (samples: Sample[]): MemoryTrend {
  const lastSeconds = samples.at(-1)?.atSeconds ?? 0
  const half = samples.filter(({ atSeconds }) => atSeconds >= lastSeconds / 2)
  const mbPerSecond = slopeOf(half)
  return {
    earlyMb: median(samples.filter(({ atSeconds }) => Math.abs(atSeconds - Math.min(120, lastSeconds)) <= 5)),
    lateMb: median(samples.filter(({ atSeconds }) => atSeconds >= lastSeconds - 10)),
    growthMb: mbPerSecond * (lastSeconds - (half[0]?.atSeconds ?? 0)),
    growthMbPerHour: mbPerSecond * 3600
  }
}

/** The slope of the line of least squares. */
function slopeOf (samples: Sample[]): number {
  const mean = (pick: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length
  const [meanSeconds, meanMb] = [mean(sample => sample.atSeconds), mean(sample => sample.usedMb)]
  const variance = samples.reduce((sum, { atSeconds }) => sum + (atSeconds - meanSeconds) ** 2, 0)
  const covariance = samples.reduce((sum, { atSeconds, usedMb }) => sum + (atSeconds - meanSeconds) * (usedMb - meanMb), 0)
  return variance === 0 ? 0 : covariance / variance
}

function median (samples: Sample[]): number {
  return samples.map(({ usedMb }) => usedMb).sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? NaN
}
