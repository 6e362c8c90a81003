// npm run bench: the benchmark of bench.ts. `npm run bench -- overload` and `npm run bench -- million` run the two others.

const [name] = process.argv.slice(2)
if (name === 'overload' || name === 'million') {
  // The benchmark finds its own options where it expects them.
  process.argv.splice(2, 1)
  await import(`./${name}.ts`)
} else {
  await import('./bench.ts')
}
