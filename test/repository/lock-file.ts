// node test/repository/lock-file.ts: removes `engines` from the optional packages of package-lock.json. Run
// it after an update of packages.
//
// npm leaves out an optional package whose `engines` do not fit the Node that runs npm. The scripts run on
// the Node in node_modules, so npm checks the wrong Node. On Node 18 it leaves out the binary of the bundler.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Locked { optional?: boolean, engines?: Record<string, string> }

const path = fileURLToPath(new URL('../../package-lock.json', import.meta.url))

/** The paths of the packages that npm leaves out on an older Node. */
export function limitedPackages (packages: Record<string, Locked>): string[] {
  return Object.keys(packages).filter(name => packages[name]?.optional === true && packages[name].engines !== undefined)
}

if (import.meta.main) {
  const lock: { packages: Record<string, Locked> } = JSON.parse(readFileSync(path, 'utf8'))
  for (const name of limitedPackages(lock.packages)) delete lock.packages[name]?.engines
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
}
