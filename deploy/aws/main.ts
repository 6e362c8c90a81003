// The entry point that the CDK runs (cdk.json).

import { SettingsError } from './settings.ts'
import { usersApp } from './users-app.ts'

try {
  usersApp().app.synth()
} catch (error) {
  if (!(error instanceof SettingsError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
