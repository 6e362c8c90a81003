import { existsSync } from 'node:fs'
import { launch, type Page } from 'puppeteer-core'
import t from 'tap'
import { alice, startDev } from './browser.ts'

// Browsers are slow while other tests run.
t.setTimeout(600_000)

const path = process.env.FIREFOX ?? '/usr/bin/firefox-esr'
const noFirefox = !existsSync(path) && `there is no Firefox at ${path}: "apt-get install -y firefox-esr", or set FIREFOX`

/** Finds an element by its role and accessible name, or by its text. */
function find (page: Page, role: string, name: string) {
  return page.locator(`::-p-aria([name="${name}"][role="${role}"])`).setTimeout(45_000)
}

async function expectText (page: Page, text: string): Promise<void> {
  await page.waitForFunction(text => document.body.textContent.includes(text), { timeout: 45_000 }, text)
}

async function expectFocus (page: Page, name: string): Promise<void> {
  await page.waitForFunction(name => {
    const { activeElement } = document
    const label = activeElement instanceof HTMLInputElement ? activeElement.labels?.[0]?.textContent : undefined
    return (activeElement?.getAttribute('aria-label') ?? label ?? activeElement?.textContent ?? '').startsWith(name)
  }, { timeout: 45_000 }, name)
}

t.test('Firefox', { skip: noFirefox }, async t => {
  const dev = await startDev(t)
  const browser = await launch({ browser: 'firefox', executablePath: path, headless: true, extraPrefsFirefox: { 'intl.accept_languages': 'en-GB' } })
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  page.on('pageerror', error => t.fail(`the page threw ${error instanceof Error ? error.message : error}`))

  t.test('a sign-in reaches the other tab, and the focus is on the heading', async () => {
    const other = await browser.newPage()
    await other.goto(`${dev.address}/#/sign-in`)
    await find(other, 'textbox', 'Username').wait()
    await page.bringToFront()
    await page.goto(`${dev.address}/#/sign-in`)
    await find(page, 'textbox', 'Username').fill(alice.username)
    await page.locator('input[name=password]').fill(alice.password)
    await page.locator('form button[type=submit]').click()
    await find(page, 'button', 'Sign out').wait()
    await expectFocus(page, 'Articles')
    await find(other, 'button', 'Sign out').wait()
    await other.close()
  })

  t.test('an article is published, renamed, found and deleted', async t => {
    await find(page, 'textbox', 'Name').fill('On bread')
    await find(page, 'button', 'Publish').click()
    await expectText(page, 'Published “On bread”.')
    await expectFocus(page, 'Name')

    await find(page, 'button', 'Rename “On bread”').click()
    await expectFocus(page, 'New name')
    await page.keyboard.type('On rye')
    await page.keyboard.press('Enter')
    await expectText(page, 'Renamed to “On rye”.')
    await expectFocus(page, 'Rename “On rye”')

    await find(page, 'searchbox', 'Search articles').fill('rye')
    await page.waitForFunction(() => location.hash === '#/articles?q=rye')
    await find(page, 'link', 'On rye').click()
    await expectFocus(page, 'Article')
    await page.goBack()
    await find(page, 'button', 'Delete “On rye”').click()
    await page.locator('dialog .button-danger').click()
    await expectText(page, 'Deleted “On rye”.')
    t.equal(await page.evaluate(() => document.activeElement === document.body), false)
  })

  t.test('the pages and the sign-in form speak German', async () => {
    await page.select('footer select', 'de')
    await find(page, 'button', 'Abmelden').click()
    await expectText(page, 'Sie sind abgemeldet.')
    await expectFocus(page, 'Schreiben Sie etwas.')
    await find(page, 'link', 'Anmelden').click()
    await find(page, 'textbox', 'Benutzername').wait()
  })
})
