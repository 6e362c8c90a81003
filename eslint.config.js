import neostandard from 'neostandard'

/** Imports run one way (docs: CONTRIBUTING.md). */
function mayNotImport (files, ...folders) {
  return {
    files,
    rules: {
      'no-restricted-imports': ['error', {
        patterns: folders.map(([group, message]) => ({ group, message }))
      }]
    }
  }
}

const plugins = [['**/plugins/*', '!**/plugins/cognito-auth'], 'only src/app.ts imports plugins; their types come by augmentation']
const routes = [['**/routes/**'], 'routes are loaded by path']
const dev = [['**/dev/**'], 'dev/ stays out of the service']

export default [
  ...neostandard({ ts: true, ignores: ['**/dist/', 'data/', '.tap/', 'coverage/', 'web/src/api/api.ts', 'deploy/aws/cdk.out/'] }),
  { ...mayNotImport(['src/**'], plugins, routes, dev), ignores: ['src/app.ts'] },
  mayNotImport(['src/app.ts'], routes, dev),
  mayNotImport(['plugins/*'], [['./*', '!./cognito-auth'], 'plugins do not import each other'], routes, dev),
  mayNotImport(['plugins/cognito-auth/*'], [['../*'], 'the package imports nothing outside its folder']),
  mayNotImport(['plugins/cognito-auth/keys/*'], [['../../*'], 'the package imports nothing outside its folder']),
  mayNotImport(['routes/**'], plugins, dev),
  mayNotImport(['web/src/**'], plugins, routes, dev, [['node:*'], 'the pages run in a browser']),
  mayNotImport(['migrations/**'], [['../**', './**'], 'a migration is frozen: it imports kysely only'])
]
