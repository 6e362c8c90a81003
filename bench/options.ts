import { parseArgs } from 'node:util'

/**
 * Reads the options of the command line. Each has a value, which is a number if its default is one. `--help`
 * prints `usage` and ends the process. An invalid option prints the reason and `usage`, and ends it with
 * status 2.
 */
export function readOptions<Name extends string> (usage: string, defaults: Record<Name, string>): Record<Name, string> {
  try {
    const options = Object.fromEntries(Object.keys(defaults).map(name => [name, { type: 'string' as const }]))
    const { help, ...values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } }).values
    if (help) {
      console.log(usage)
      process.exit()
    }
    const given = Object.entries(values)
    // parseArgs accepts the names of the defaults only.
    const invalid = given.find(([name, value]) => isNumber(defaults[name as Name]) && !isNumber(value))
    if (invalid !== undefined) throw new Error(`--${invalid[0]} takes a number`)
    return { ...defaults, ...Object.fromEntries(given) }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exit(2)
  }
}

function isNumber (value: unknown): boolean {
  return value !== '' && !isNaN(Number(value))
}
