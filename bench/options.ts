import { parseArgs } from 'node:util'

/**
 * The options on the command line, each with a value; a number where its default is one.
 * With --help it prints `usage`, and with what it does not understand the reason and `usage`, and the process ends.
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
    const wrong = given.find(([name, value]) => isNumber(defaults[name as Name]) && !isNumber(value))
    if (wrong !== undefined) throw new Error(`--${wrong[0]} takes a number`)
    return { ...defaults, ...Object.fromEntries(given) }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exit(2)
  }
}

function isNumber (value: unknown): boolean {
  return value !== '' && !isNaN(Number(value))
}
