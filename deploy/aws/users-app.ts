import { App, Validations, type AppProps } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { readSettings } from './settings.ts'
import { UsersStack } from './users-stack.ts'

/** @throws {SettingsError} for invalid settings */
export function usersApp (props: AppProps = {}): { app: App, stack: UsersStack } {
  const app = new App({ analyticsReporting: false, ...props })
  const settings = readSettings(name => app.node.tryGetContext(name))
  const stack = new UsersStack(app, settings.stackName, settings)
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  return { app, stack }
}
