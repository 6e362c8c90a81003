import { Buffer } from 'node:buffer'
import type { Page } from 'playwright-core'
import t from 'tap'
import { admin, alice, fillSignIn, keepPicture, noBrowser, openTab, publish, signIn, startBrowser, startDev } from './browser.ts'

// Browsers are slow where much else runs.
t.setTimeout(600_000)

/** Lets the tokens in the page's storage be past their time, and the refresh token be what it is told. */
async function expireTokens (page: Page, refreshToken?: string): Promise<void> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const past = Math.floor(Date.now() / 1000) - 60
  const token = `${part({ alg: 'RS256' })}.${part({ sub: 'x', exp: past, iat: past - 3600, 'cognito:username': 'alice' })}.${part({})}`
  await page.evaluate(([token, refreshToken]) => {
    for (const name of Object.keys(localStorage)) {
      if (/\.(idToken|accessToken)$/.test(name)) localStorage.setItem(name, token ?? '')
      if (name.endsWith('.refreshToken') && refreshToken !== undefined) localStorage.setItem(name, refreshToken)
    }
  }, [token, refreshToken])
}

t.test('sessions in the browser', { skip: noBrowser }, async t => {
  const dev = await startDev(t)
  const browser = await startBrowser(t)

  t.test('a token past its time is renewed, and nobody notices', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await expireTokens(page)
    await publish(page, 'Renewed')
    await page.getByText('Published “Renewed”.').waitFor()
  })

  t.test('a session that cannot be renewed is over: the page says so, and goes on where it was', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.getByText('No more articles').waitFor()
    await expireTokens(page, 'revoked')
    await publish(page, 'Kept for later')
    await page.getByText('Your session has expired').waitFor()
    await page.getByLabel('Username').waitFor()
    await keepPicture(page, 'session-over')
    await fillSignIn(page, alice)
    t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Kept for later')
    await page.getByRole('button', { name: /^Publish/ }).click()
    await page.getByText('Published “Kept for later”.').waitFor()
  })

  t.test('who comes back after the session has ended is told, and comes to the page that was asked for', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await expireTokens(page, 'revoked')
    await page.goto('about:blank')
    await page.goto(`${dev.address}/#/api`)
    await page.getByText('Your session has expired').waitFor()
    await fillSignIn(page, alice)
    await page.getByRole('heading', { name: 'API' }).waitFor()
  })

  t.test('a session that is ended elsewhere is over here with the next request', async t => {
    const [here, elsewhere] = [await openTab(t, browser), await openTab(t, browser)]
    await signIn(here, dev, alice)
    await signIn(elsewhere, dev, alice)
    await elsewhere.getByRole('link', { name: 'API' }).click()
    await elsewhere.getByRole('button', { name: 'Sign out everywhere' }).click()
    await elsewhere.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click()
    await elsewhere.getByRole('button', { name: 'Sign out', exact: true }).waitFor({ state: 'detached' })

    await publish(here, 'Too late')
    await here.getByText('Your session has expired').waitFor()
    t.equal(await here.evaluate(() => Object.keys(localStorage).filter(name => name.endsWith('Token')).length), 0, 'no token is left')
  })

  t.test('signing out leaves nothing behind, and another tab notices', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    const other = await page.context().newPage()
    await other.goto(dev.address)
    await other.getByRole('button', { name: 'Sign out', exact: true }).waitFor()
    await page.getByLabel('Name', { exact: true }).fill('A secret draft')
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.getByText('You are signed out.').waitFor()
    await other.getByText('You are signed out.').waitFor()
    t.same(await page.evaluate(() => [JSON.stringify(sessionStorage), Object.keys(localStorage).filter(name => name.endsWith('Token'))]), ['{}', []])
  })

  t.test('a forgotten password is set anew with the e-mailed code', async t => {
    const page = await openTab(t, browser)
    await page.goto(`${dev.address}/#/sign-in`)
    await page.getByRole('button', { name: 'Forgot your password?' }).click()
    await page.getByLabel('Username').fill(admin.username)
    await page.getByRole('button', { name: 'Send code' }).click()
    await page.getByLabel('Code').fill(await dev.codeFor('admin@example.com'))
    await page.getByLabel('New Password').fill('Admin-2027-new')
    await page.getByLabel('Confirm Password').fill('Admin-2027-new')
    await page.getByRole('button', { name: 'Submit' }).click()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await fillSignIn(page, { username: 'admin', password: 'Admin-2027-new' })
  })

  t.test('the command to copy works in a terminal, and says until when', async t => {
    const page = await openTab(t, browser, { permissions: ['clipboard-read', 'clipboard-write'] })
    await signIn(page, dev, alice)
    await page.getByRole('link', { name: 'API' }).click()
    await page.getByText(/This token expires at \d\d:\d\d, in (59|60) minutes\./).waitFor()
    const command = page.getByLabel('Show who I am: command')
    t.match(await command.textContent(), /Bearer eyJ.{9}…'/, 'the token is not shown before it is asked for')
    await page.getByRole('button', { name: 'Copy' }).nth(2).click()
    await page.getByText('Copied.').waitFor()
    const copied = await page.evaluate(async () => navigator.clipboard.readText())
    const [, url = '', token = ''] = /curl -sS '([^']*)' \\\n {2}-H 'Authorization: Bearer ([^']*)'$/.exec(copied) ?? []
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
    t.match(await response.json(), { username: 'alice' })

    await page.getByRole('button', { name: 'Show the full token' }).nth(2).click()
    t.match(await command.textContent(), token)
    await page.getByRole('button', { name: 'Get a new token' }).click()
    await t.resolves(page.waitForFunction(([old]) => !document.body.textContent.includes(old ?? ''), [token]))
  })

  t.test('without the user pool in reach the page says that it cannot start', async t => {
    const page = await openTab(t, browser)
    await page.route('**/config.json', route => route.abort())
    await page.goto(dev.address)
    await page.getByText('This page could not start').waitFor()
    await page.unroute('**/config.json')
    await page.getByRole('button', { name: 'Reload' }).click()
    await page.getByRole('link', { name: 'Sign in' }).waitFor()
  })
})
