import { existsSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { buildWeb } from '../../web/build.ts'
import { run, until } from '../support/service-process.ts'

/** `npm run dev`, with data of its own. */
export interface Dev {
  /** Where the service is. */
  address: string
  /** The code last e-mailed to an address. */
  codeFor (email: string): Promise<string>
  /** An id token, for what is done beside the browser. */
  tokenOf (person: Person): Promise<string>
}

export interface Person {
  username: string
  password: string
}

/** The users that dev/emulator/seed.ts creates. */
export const alice = { username: 'alice', password: 'Alice-2026' }
export const admin = { username: 'admin', password: 'Admin-2026' }

const SignedInSchema = Type.Object({ AuthenticationResult: Type.Object({ IdToken: Type.String() }) })

const path = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Why there is no browser to test in; false where there is one. */
export const noBrowser = !existsSync(path) && `there is no Chromium at ${path}: "apt-get install -y chromium", or set CHROMIUM`

/** Runs `npm run dev`'s own processes until the end of the test. */
export async function startDev (t: Test): Promise<Dev> {
  await buildWeb()
  const [port, cognitoPort] = await Promise.all([freePort(), freePort()])
  const { output, exited } = run(t, 'dev/dev.ts', { PORT: `${port}`, COGNITO_PORT: `${cognitoPort}`, DEV_DATA: t.testdir(), RATE_LIMIT_MAX: '0' }, { covered: false })
  exited.then(status => { if (!output.stdout.includes('listens on')) throw new Error(`npm run dev ended with ${status}: ${output.stderr}`) })
  await until(() => output.stdout.includes('The service listens on'))
  return {
    address: `http://127.0.0.1:${port}`,
    codeFor: async email => {
      const line = () => output.stdout.split('\n').findLast(line => line.startsWith(`E-mail to ${email},`))
      await until(() => line() !== undefined)
      return line()?.match(/\d{6}$/)?.[0] ?? ''
    },
    tokenOf: async ({ username: USERNAME, password: PASSWORD }) => {
      const response = await fetch(`http://127.0.0.1:${cognitoPort}`, {
        method: 'POST',
        headers: { 'x-amz-target': 'AWSCognitoIdentityProviderService.InitiateAuth', 'content-type': 'application/x-amz-json-1.1' },
        body: JSON.stringify({ AuthFlow: 'USER_PASSWORD_AUTH', ClientId: 'articlesdev', AuthParameters: { USERNAME, PASSWORD } })
      })
      const answer: unknown = await response.json()
      return Value.Parse(SignedInSchema, answer).AuthenticationResult.IdToken
    }
  }
}

export async function startBrowser (t: Test): Promise<Browser> {
  // Chromium's background requests would wait for a network that tests do not have.
  const args = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  const browser = await chromium.launch({ executablePath: path, chromiumSandbox: false, args })
  t.teardown(() => browser.close())
  return browser
}

/** A tab of somebody's own; what its page logs as an error, and what its policy forbids, fails the test. */
export async function openTab (t: Test, browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...options })
  t.teardown(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(45_000)
  page.on('pageerror', error => t.fail(`the page threw ${error.message}`))
  page.on('console', message => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) t.fail(`the console says ${message.text()}`)
  })
  return page
}

/** A request to the service with a person's token, beside the browser. */
export async function api (dev: Dev, person: Person, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${await dev.tokenOf(person)}`, ...(init.body !== undefined && { 'content-type': 'application/json' }) }
  const response = await fetch(dev.address + path, { ...init, headers })
  if (!response.ok) throw new Error(`${path} responded with ${response.status}: ${await response.text()}`)
  return response
}

export async function writeArticle (dev: Dev, person: Person, name: string): Promise<{ id: number }> {
  const response = await api(dev, person, '/articles', { method: 'POST', body: JSON.stringify({ name }) })
  return Value.Parse(Type.Object({ id: Type.Integer() }), await response.json())
}

/** Fills in the sign-in form that the page shows. */
export async function fillSignIn (page: Page, { username, password }: Person): Promise<void> {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor()
}

export async function signIn (page: Page, { address }: Dev, person: Person): Promise<void> {
  await page.goto(`${address}/#/sign-in`)
  await fillSignIn(page, person)
}

export async function publish (page: Page, name: string): Promise<void> {
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByRole('button', { name: /^Publish/ }).click()
}

/** Keeps a picture of the page in data/web, for people to look at: on a build server nobody does. */
export async function keepPicture (page: Page, name: string): Promise<void> {
  if (process.env.CI !== undefined) return
  const folder = fileURLToPath(new URL('../../data/web', import.meta.url))
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true })
}

async function freePort (): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

// npm run test:web asks here first.
if (import.meta.main && noBrowser) {
  console.error(noBrowser)
  process.exitCode = 1
}
