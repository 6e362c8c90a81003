import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts'
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts'
import type { Job } from 'kubernetes-types/batch/v1.d.ts'
import type { PodSpec, Service } from 'kubernetes-types/core/v1.d.ts'
import type { Ingress, NetworkPolicy, NetworkPolicyPort } from 'kubernetes-types/networking/v1.d.ts'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts'
import t from 'tap'
import ts from 'typescript'
import { parse } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { EnvironmentSchema } from '../../src/environment/schema.ts'
import { startApp } from '../support/app.ts'
import { until } from '../support/service-process.ts'

interface Kustomization {
  namespace?: string
  labels?: Array<{ pairs: Record<string, string> }>
  resources: string[]
  patches?: Array<{ path: string }>
  images?: Array<{ name: string }>
  configMapGenerator: Array<{ name: string, literals: string[] }>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const base = 'deploy/kubernetes/base'
const example = 'deploy/kubernetes/overlays/example'

const read = (folder: string, file: string) => parse(readFileSync(join(root, folder, file), 'utf8'))
const filesOf = (folder: string) => readdirSync(join(root, folder)).filter(file => file !== 'kustomization.yaml')

const deployment: Deployment = read(base, 'deployment.yaml')
const migration: Job = read(base, 'migration.yaml')
const service: Service = read(base, 'service.yaml')
const policy: NetworkPolicy = read(base, 'network-policy.yaml')
const budget: PodDisruptionBudget = read(base, 'pod-disruption-budget.yaml')
const autoscaler: HorizontalPodAutoscaler = read(base, 'horizontal-pod-autoscaler.yaml')
const ingress: Ingress = read(example, 'ingress.yaml')
const kustomizations: Array<[string, Kustomization]> = [base, example].map(folder => [folder, read(folder, 'kustomization.yaml')])

const pod = deployment.spec?.template.spec
const container = pod?.containers[0]
const podLabels = deployment.spec?.template.metadata?.labels ?? {}
const port = (name: string) => container?.ports?.find(each => each.name === name)?.containerPort

/** Every manifest except the Kustomizations, by its path. */
const manifests = [base, example].flatMap(folder => filesOf(folder).map(file => [`${folder}/${file}`, read(folder, file)] as const))

/** The errors of TypeScript for an object literal of a Kubernetes type. Unknown fields are errors too. */
function typeFaults (objects: ReadonlyArray<readonly [string, { apiVersion: string, kind: string }]>): string[] {
  const name = join(root, 'test/deploy/manifests.ts')
  const text = objects.map(([path, object], n) => {
    const [version = '', group = 'core'] = object.apiVersion.split('/').reverse()
    const type = `import('kubernetes-types/${group.replace(/\.k8s\.io$/, '')}/${version}.d.ts').${object.kind}`
    return `// ${path}\nexport const manifest${n}: ${type} = ${JSON.stringify(object)}\n`
  }).join('')
  const options: ts.CompilerOptions = { strict: true, noEmit: true, skipLibCheck: true, types: [], allowImportingTsExtensions: true, module: ts.ModuleKind.NodeNext }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = path => path === name || fileExists(path)
  host.getSourceFile = (path, target, ...rest) => path === name ? ts.createSourceFile(path, text, target) : getSourceFile(path, target, ...rest)
  return ts.getPreEmitDiagnostics(ts.createProgram([name], options, host)).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}

t.test('the manifests match the types of Kubernetes without unknown fields', async t => {
  // A patch holds only a part of an object.
  const whole = manifests.filter(([path]) => !path.endsWith('/replicas.yaml'))
  t.strictSame(typeFaults(whole), [])

  const misspelt = structuredClone(read(base, 'deployment.yaml'))
  misspelt.spec.template.spec.containers[0].readynessProbe = {}
  misspelt.spec.replicas = '2'
  t.match(typeFaults([['misspelt', misspelt]]).join('\n'), /readynessProbe|'string' is not assignable to type 'number'/, 'a wrong one is noticed')
})

t.test('a Kustomization lists exactly the files of its folder', async t => {
  for (const [folder, { resources, patches = [] }] of kustomizations) {
    const listed = [...resources, ...patches.map(({ path }) => path)]
    t.strictSame(listed.filter(path => !existsSync(join(root, folder, path))), [], folder)
    t.strictSame(listed.filter(path => !path.startsWith('..')).sort(), filesOf(folder).sort(), folder)
  }
  t.strictSame(kustomizations[1]?.[1].images?.map(({ name }) => name), [container?.image], 'the image that it renames is that of the manifests')
})

t.test('the variables of a ConfigMap are variables of the service, and the example is valid', async t => {
  const literals = kustomizations.flatMap(([, { configMapGenerator }]) => configMapGenerator.flatMap(each => each.literals))
  const environment = Object.fromEntries(literals.map(literal => [literal.slice(0, literal.indexOf('=')), literal.slice(literal.indexOf('=') + 1)]))
  t.strictSame(Object.keys(environment).filter(name => !(name in EnvironmentSchema.properties)), [])
  t.strictSame(Object.keys(environment).filter(name => name in EnvironmentSchema.properties && EnvironmentSchema.properties[name as keyof typeof EnvironmentSchema.properties].writeOnly), [], 'secrets are in the Secret')
  t.equal(readConfig(environment).metricsPort, port('metrics'))
})

t.test('the probes use routes and ports of the service', async t => {
  const { app } = await startApp(t)
  await until(() => app.cognito.isReady())
  for (const name of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
    const { path = '', port } = container?.[name]?.httpGet ?? {}
    t.equal((await app.inject(path)).statusCode, 200, name)
    t.equal(port, 'http', name)
  }
  t.equal(container?.readinessProbe?.httpGet?.path, '/health/ready')
  t.equal(container?.livenessProbe?.httpGet?.path, '/health/live', 'a database that is away is no reason to start anew')
  // Twice in 15 s, and it waits before it closes (plugins/graceful-shutdown.ts).
  t.ok((container?.readinessProbe?.periodSeconds ?? Infinity) * 2 < 15)
})

t.test('the ports of ingress, service and container match the default PORT', async t => {
  t.equal(`${port('http')}`, EnvironmentSchema.properties.PORT.default)
  const [exposed] = service.spec?.ports ?? []
  t.equal(exposed?.targetPort, 'http')
  const backend = ingress.spec?.rules?.[0]?.http?.paths[0]?.backend.service
  t.equal(backend?.name, service.metadata?.name)
  t.equal(backend?.port?.name, exposed?.name)
})

t.test('the selectors match the pods of the Deployment and not those of the migration', async t => {
  const selectors = { Deployment: deployment.spec?.selector.matchLabels, Service: service.spec?.selector, PodDisruptionBudget: budget.spec?.selector?.matchLabels }
  const selects = (selector: Record<string, string> = {}, labels: Record<string, string> = {}) => Object.entries(selector).every(([name, value]) => labels[name] === value)
  for (const [kind, selector] of Object.entries(selectors)) {
    t.ok(selector && selects(selector, podLabels), kind)
    t.notOk(selects(selector, migration.spec?.template.metadata?.labels), kind)
  }
  t.ok(selects(policy.spec?.podSelector.matchLabels, podLabels))
  t.ok(selects(policy.spec?.podSelector.matchLabels, migration.spec?.template.metadata?.labels), 'the migration needs the network too')

  const { apiVersion, kind, metadata } = deployment
  t.strictSame(autoscaler.spec?.scaleTargetRef, { apiVersion, kind, name: metadata?.name })
  t.equal(deployment.spec?.replicas, undefined, 'the autoscaler has them')
  t.ok((autoscaler.spec?.minReplicas ?? 0) >= 2)
})

t.test('the network policy allows the connections of the service, and denies the metadata of the node', async t => {
  const through = (rules: Array<{ ports?: NetworkPolicyPort[] }> = []) => rules.flatMap(({ ports = [] }) => ports.map(({ port, protocol = 'TCP' }) => `${protocol} ${port}`)).sort()
  t.strictSame(through(policy.spec?.ingress), [`TCP ${port('http')}`, `TCP ${port('metrics')}`])
  t.strictSame(through(policy.spec?.egress), ['TCP 443', 'TCP 53', 'TCP 5432', 'TCP 6379', 'UDP 53'])
  const everywhere = policy.spec?.egress?.flatMap(({ to = [] }) => to).filter(({ ipBlock }) => ipBlock?.cidr === '0.0.0.0/0')
  t.strictSame(everywhere?.map(({ ipBlock }) => ipBlock?.except), [['169.254.0.0/16']])
})

t.test('pods run as an unprivileged user with a read-only root and no capabilities', async t => {
  for (const [path, { kind, spec }] of manifests.filter(([, { spec }]) => spec?.template)) {
    const { securityContext, containers, automountServiceAccountToken }: PodSpec = spec.template.spec
    t.match(securityContext, { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } }, path)
    t.equal(automountServiceAccountToken, false, path)
    for (const { securityContext, resources } of containers) {
      t.strictSame(securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }, kind)
      t.ok(resources?.requests?.memory && resources.limits?.memory, kind)
    }
  }
})

t.test('the grace period of a pod is longer than the graceful shutdown', async t => {
  const preStop = container?.lifecycle?.preStop?.sleep?.seconds ?? NaN
  t.ok((pod?.terminationGracePeriodSeconds ?? 0) > preStop + 10)
})

t.test('the migration job runs a file of the image with the secret of the database', async t => {
  const [job] = migration.spec?.template.spec?.containers ?? []
  const [command, file = ''] = job?.command ?? []
  t.equal(command, 'node')
  t.ok(existsSync(join(root, file.replace(/\.js$/, '.ts'))), file)
  t.equal(job?.image, container?.image)
  const secrets = (from: typeof job) => from?.envFrom?.flatMap(({ secretRef }) => secretRef?.name ?? [])
  t.strictSame(secrets(job), secrets(container))
})
