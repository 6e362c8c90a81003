import type { Page } from 'playwright-core'
import t from 'tap'
import { admin, alice, noBrowser, openTab, publish, signIn, startBrowser, startDev, writeArticle } from './browser.ts'

// Browsers are slow while other tests run.
t.setTimeout(600_000)

/**
 * Waits until the focus is on an element whose name or text begins with this. A timeout shows where it is
 * instead.
 */
async function expectFocus (page: Page, text: string): Promise<void> {
  const read = (): string => {
    const { activeElement } = document
    if (activeElement === null || activeElement === document.body) return 'body'
    const label = activeElement instanceof HTMLInputElement ? activeElement.labels?.[0]?.textContent : undefined
    return activeElement.getAttribute('aria-label') ?? label ?? activeElement.textContent
  }
  const deadline = Date.now() + 45_000
  for (let found = ''; !found.startsWith(text); found = await page.evaluate(read)) {
    if (Date.now() > deadline) throw new Error(`the focus is on "${found}" instead of "${text}"`)
  }
}

t.test('the focus after each action', { skip: noBrowser }, async t => {
  const dev = await startDev(t)
  for (let number = 10; number < 55; number++) await writeArticle(dev, alice, `Letter ${number}`)
  const page = await openTab(t, await startBrowser(t))

  t.test('sign-in and sign-out lead to the heading of the new page', async () => {
    await page.goto(dev.address)
    await page.getByRole('link', { name: 'Sign in' }).click()
    await expectFocus(page, 'Your account')
    await page.getByRole('button', { name: 'Forgot your password?' }).click()
    await expectFocus(page, 'Forgot your password?')
    await page.getByRole('button', { name: 'Back to Sign In' }).click()
    await expectFocus(page, 'Username')
    await signIn(page, dev, alice)
    await expectFocus(page, 'Articles')
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await expectFocus(page, 'Write something.')
    await signIn(page, dev, alice)
    await expectFocus(page, 'Articles')
  })

  t.test('publish returns to the name field', async () => {
    await publish(page, 'Focus')
    await page.getByText('Published “Focus”.').waitFor()
    await expectFocus(page, 'Name')
  })

  t.test('rename selects the name, and returns to its button', async t => {
    await page.getByRole('button', { name: 'Rename “Focus”' }).click()
    await expectFocus(page, 'New name')
    await page.keyboard.type('Refocused')
    t.equal(await page.getByLabel('New name').inputValue(), 'Refocused', 'typing replaces the old name')
    await page.keyboard.press('Enter')
    await expectFocus(page, 'Rename “Refocused”')
    await page.keyboard.press('Enter')
    await expectFocus(page, 'New name')
    await page.keyboard.press('Escape')
    await expectFocus(page, 'Rename “Refocused”')
  })

  t.test('a cancelled delete returns to its button, and a delete leads to the next article', async () => {
    await page.getByRole('button', { name: 'Delete “Refocused”' }).click()
    await page.keyboard.press('Escape')
    await expectFocus(page, 'Delete “Refocused”')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Deleted “Refocused”.').waitFor()
    await expectFocus(page, 'Letter 54')
  })

  t.test('More leads to the first new article, and after a failure to the retry', async () => {
    await page.getByRole('button', { name: 'More' }).click()
    await expectFocus(page, 'Letter 34')
    await page.route('**/articles?*after=*', route => route.abort())
    await page.getByRole('button', { name: 'More' }).click()
    await expectFocus(page, 'Try again')
    await page.unroute('**/articles?*after=*')
    await page.keyboard.press('Enter')
    await expectFocus(page, 'Letter 14')
  })

  t.test('a search and an order keep the focus', async () => {
    await page.getByLabel('Search articles').fill('Letter 2')
    await page.getByRole('region', { name: 'Articles matching “Letter 2”' }).waitFor()
    await expectFocus(page, 'Search articles')
  })

  t.test('a link leads to the heading of its page', async () => {
    await page.getByRole('link', { name: 'Letter 29' }).click()
    await expectFocus(page, 'Article')
    await page.getByRole('button', { name: 'Delete “Letter 29”' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await expectFocus(page, 'Articles')
    await page.getByRole('link', { name: 'API' }).click()
    await expectFocus(page, 'API')
    await page.getByRole('button', { name: 'Get a new token' }).click()
    await expectFocus(page, 'Get a new token')
    await page.getByRole('button', { name: 'Sign out everywhere' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click()
    await expectFocus(page, 'Write something.')
  })

  t.test('administration keeps the focus on the button, or on the first invalid field', async () => {
    await signIn(page, dev, admin)
    await page.getByRole('link', { name: 'Users' }).click()
    await expectFocus(page, 'Users')
    await page.getByLabel('Username', { exact: true }).fill('carol')
    await page.getByRole('button', { name: 'Add' }).click()
    await expectFocus(page, 'Email')
    await page.getByLabel('Email', { exact: true }).fill('carol@example.com')
    await page.keyboard.press('Enter')
    await page.getByText('Added carol.').waitFor()
    await expectFocus(page, 'Username')
    await page.getByRole('button', { name: 'Disable carol' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click()
    await expectFocus(page, 'Enable carol')
  })
})
