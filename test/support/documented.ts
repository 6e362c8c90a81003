import { strictEqual } from 'node:assert'
import { Ajv2020 } from 'ajv/dist/2020.js'

/** The part of an OpenAPI document that is checked here. */
interface Document {
  paths: Record<string, Record<string, { responses?: Record<string, { content?: Record<string, unknown> }> }>>
  components: { schemas: Record<string, unknown> }
}

export interface Answer {
  method: string
  url: string
  status: number
  contentType: string | undefined
  body: string
}

/** Returns a function that throws for a response that the OpenAPI document does not describe. */
export function documentChecker (document: Document): (answer: Answer) => void {
  const ajv = new Ajv2020({ strict: false, formats: { int32: true, int64: true, 'date-time': true, uri: true, email: true } })
  ajv.addSchema({ $id: 'document', ...document })

  return ({ method, url, status, contentType, body }) => {
    const path = findPath(document, url)
    const operation = path === undefined ? undefined : document.paths[path]?.[method === 'HEAD' ? 'get' : method.toLowerCase()]
    const at = `${method} ${url} ${status}`
    if (path === undefined || operation === undefined) {
      if (hidden.test(url)) return
      strictEqual([400, 404, 405, 412, 416, 429].includes(status), true, `${at} is not documented`)
      if (body !== '') valid('#/components/schemas/Problem')
      return
    }
    const response = operation.responses?.[status]
    strictEqual(response !== undefined, true, `${at} is not documented`)
    if (body === '') return
    const [mediaType = ''] = contentType?.split(';') ?? []
    strictEqual(mediaType in (response?.content ?? {}), true, `${at} as ${mediaType} is not documented`)
    valid(`#/paths/${escape(path)}/${method.toLowerCase()}/responses/${status}/content/${escape(mediaType)}/schema`)

    function valid (pointer: string): void {
      const validate = ajv.getSchema(`document${pointer}`)
      strictEqual(validate?.(JSON.parse(body)), true, `${at} is not as documented: ${ajv.errorsText(validate?.errors)}`)
    }
  }
}

const hidden = /^\/(docs|openapi\.json|config\.json|assets\/|$|\?)/

function findPath (document: Document, url: string): string | undefined {
  const segments = url.replace(/\?.*/s, '').replace(/(?<=.)\/$/, '').split('/')
  return Object.keys(document.paths).find(path => {
    const pattern = path.split('/')
    return pattern.length === segments.length && pattern.every((part, index) => part.startsWith('{') || part === segments[index])
  })
}

function escape (token: string): string {
  return encodeURIComponent(token.replaceAll('~', '~0').replaceAll('/', '~1'))
}
