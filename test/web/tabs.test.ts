import type { Page } from 'playwright-core'
import t from 'tap'
import { admin, alice, fillSignIn, noBrowser, openTab, signIn, startBrowser, startDev, type Dev } from './browser.ts'

// Browsers are slow while other tests run.
t.setTimeout(600_000)

async function secondTab (page: Page, dev: Dev, path = ''): Promise<Page> {
  const tab = await page.context().newPage()
  await tab.goto(`${dev.address}/${path}`)
  return tab
}

const signOutButton = (page: Page) => page.getByRole('button', { name: 'Sign out', exact: true })

t.test('tabs of one browser', { skip: noBrowser }, async t => {
  const dev = await startDev(t)
  const browser = await startBrowser(t)

  t.test('a sign-in in one tab signs in the other tabs, whatever they show', async t => {
    const page = await openTab(t, browser)
    await page.goto(dev.address)
    const welcome = await secondTab(page, dev)
    await welcome.getByRole('link', { name: 'Sign in' }).waitFor()
    const form = await secondTab(page, dev, '#/sign-in')
    await form.getByLabel('Username').fill('alice')
    await signIn(page, dev, alice)
    await signOutButton(welcome).waitFor()
    await signOutButton(form).waitFor()
    await form.getByRole('heading', { name: 'Articles', level: 1 }).waitFor()
  })

  t.test('a tab that missed the storage event notices the session when it asks to sign in', async t => {
    const page = await openTab(t, browser)
    // As in a tab that was suspended.
    await page.addInitScript(() => addEventListener('storage', event => event.stopImmediatePropagation(), true))
    await page.goto(dev.address)
    await page.getByRole('link', { name: 'Sign in' }).waitFor()
    await signIn(await page.context().newPage(), dev, alice)
    await page.getByRole('link', { name: 'Sign in' }).click()
    await signOutButton(page).waitFor()
  })

  t.test('a tab that becomes visible notices a session that ended meanwhile', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.evaluate(() => {
      localStorage.clear()
      document.dispatchEvent(new Event('visibilitychange'))
    })
    await page.getByText('You are signed out.').waitFor()
  })

  t.test('localStorage.clear() in one tab signs out the other', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    const other = await secondTab(page, dev)
    await signOutButton(other).waitFor()
    await other.evaluate(() => localStorage.clear())
    await page.getByText('You are signed out.').waitFor()
  })

  t.test('a sign-out elsewhere removes the draft and the address of the page', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.getByLabel('Name', { exact: true }).fill('A secret draft')
    await page.getByRole('link', { name: 'API' }).click()
    const other = await secondTab(page, dev)
    await signOutButton(other).click()
    await page.getByText('You are signed out.').waitFor()
    t.equal(await page.evaluate(() => location.hash), '#/')
    t.same(await page.evaluate(() => Object.values(sessionStorage)), [])

    await page.getByRole('link', { name: 'Sign in' }).click()
    await fillSignIn(page, admin)
    t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), '')
  })

  t.test('a draft of an expired session is not shown to the next person', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.getByLabel('Name', { exact: true }).fill('A secret draft')
    // The service refuses the session.
    await page.route('**/me', route => route.fulfill({ status: 401 }))
    await page.reload()
    await page.getByText('Your session has expired').waitFor()
    await page.unroute('**/me')
    await fillSignIn(page, admin)
    await page.getByRole('heading', { name: 'Articles', level: 1 }).waitFor()
    t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), '')
  })

  t.test('another person who signs in elsewhere replaces the first one, with nothing left', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.getByLabel('Name', { exact: true }).fill('A secret draft')
    const other = await secondTab(page, dev)
    await signOutButton(other).click()
    await other.getByRole('link', { name: 'Sign in' }).click()
    await fillSignIn(other, admin)
    await page.getByRole('link', { name: 'Users' }).waitFor()
    t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), '')
  })

  t.test('a sign-out whose revocation is slow stays signed out', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.route('http://127.0.0.1:*/', async route => {
      await new Promise(resolve => setTimeout(resolve, 1_000))
      await route.continue()
    })
    await signOutButton(page).click()
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await page.getByRole('link', { name: 'Sign in' }).click()
    await page.getByLabel('Username').waitFor()
    t.equal(await signOutButton(page).count(), 0)
  })

  t.test('signing out leaves no page address for the next person', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.getByRole('link', { name: 'API' }).click()
    await page.getByText('This token expires').waitFor()
    await signOutButton(page).click()
    await page.getByText('You are signed out.').waitFor()
    await page.getByRole('link', { name: 'Sign in' }).click()
    await fillSignIn(page, alice)
    await page.getByRole('heading', { name: 'Articles', level: 1 }).waitFor()
  })
})
