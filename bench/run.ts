// Chooses the benchmark: npm run bench, npm run bench -- overload, or npm run bench -- million.

const [name] = process.argv.slice(2)
if (name === 'overload' || name === 'million') {
  // The benchmark reads its own options from the same place.
  process.argv.splice(2, 1)
  await import(`./${name}.ts`)
} else {
  await import('./bench.ts')
}
