import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Template } from 'aws-cdk-lib/assertions'
import { usersApp } from '../users-app.ts'

export const serviceUrl = 'https://articles.example.com'

interface Synthesised {
  template: Template
  /** The cloud assembly: what would be uploaded. */
  folder: string
}

/** Synthesises the app as the CDK does. A finding of cdk-nag is an error. The bundle is optional. */
export function synthesise (t: TestContext, context: Record<string, unknown> = {}, { bundle = false } = {}): Synthesised {
  const folder = mkdtempSync(join(tmpdir(), 'users-stack-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { app, stack } = usersApp({ outdir: folder, context: { serviceUrl, ...(!bundle && { 'aws:cdk:bundling-stacks': [] }), ...context } })
  app.synth()
  return { template: Template.fromStack(stack), folder }
}

/** The logical id of the one resource of a type, or of the one that its description begins with. */
export function idOf (template: Template, type: string, description = ''): string {
  const ids = Object.entries(template.findResources(type)).filter(([, { Properties }]) => (Properties?.Description ?? '').startsWith(description))
  const [[id = ''] = []] = ids
  if (ids.length !== 1) throw new Error(`${ids.length} resources are ${type} ${description}`)
  return id
}
