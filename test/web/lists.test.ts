import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { alice, api, noBrowser, openTab, signIn, startBrowser, startDev, writeArticle, type Dev } from './browser.ts'

// Browsers are slow while other tests run.
t.setTimeout(600_000)

const names = (page: Page) => page.getByRole('list').getByRole('heading')

/** A service with articles "Letter 01" to "Letter 45" and "Bread 1" to "Bread 3", and alice's tab. */
async function openLetters (t: Test, options = {}): Promise<{ dev: Dev, page: Page }> {
  const dev = await startDev(t)
  for (let number = 1; number <= 45; number++) await writeArticle(dev, alice, `Letter ${String(number).padStart(2, '0')}`)
  for (let number = 1; number <= 3; number++) await writeArticle(dev, alice, `Bread ${number}`)
  const page = await openTab(t, await startBrowser(t), options)
  await signIn(page, dev, alice)
  await names(page).nth(19).waitFor()
  return { dev, page }
}

t.test('lists', { skip: noBrowser }, async t => {
  const { dev, page } = await openLetters(t, { viewport: { width: 1000, height: 500 } })

  t.test('a failed search shows its error alone, and a retry the rows of that search alone', async t => {
    await page.route('**/articles?*q=Bread*', route => route.fulfill({ status: 502, contentType: 'text/html', body: 'Bad gateway' }))
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
    await page.getByLabel('Search articles').fill('Bread')
    const error = page.getByText('Something went wrong on our side')
    await error.waitFor()
    t.equal(await names(page).count(), 0)
    t.ok(await error.evaluate(element => element.getBoundingClientRect().top < innerHeight), 'the error is on the screen')

    await page.unroute('**/articles?*q=Bread*')
    await page.getByRole('button', { name: 'Try again' }).click()
    await names(page).nth(2).waitFor()
    t.same(await names(page).allTextContents(), ['Bread 3', 'Bread 2', 'Bread 1'])
  })

  t.test('search and order are in the address', async t => {
    t.equal(await page.evaluate(() => location.hash), '#/articles?q=Bread')
    await page.getByLabel('Order').selectOption('Oldest first')
    await names(page).first().filter({ hasText: 'Bread 1' }).waitFor()
    t.equal(await page.evaluate(() => location.hash), '#/articles?q=Bread&order=asc')
    await page.reload()
    await names(page).nth(2).waitFor()
    t.same(await names(page).allTextContents(), ['Bread 1', 'Bread 2', 'Bread 3'])
    t.equal(await page.getByLabel('Search articles').inputValue(), 'Bread')
    await page.getByRole('navigation').getByRole('link', { name: 'Articles' }).click()
    await names(page).first().filter({ hasText: 'Bread 3' }).waitFor()
    t.equal(await page.getByLabel('Search articles').inputValue(), '')
  })

  t.test('an article has an address, and Back returns to the same place in the list', async t => {
    await page.getByRole('button', { name: 'More' }).click()
    const link = page.getByRole('link', { name: 'Letter 20' })
    await link.scrollIntoViewIfNeeded()
    const before = await page.evaluate(() => scrollY)
    t.ok(before > 500)
    await link.click()
    await page.getByRole('link', { name: 'Back to articles' }).waitFor()
    t.match(await page.evaluate(() => location.hash), /^#\/articles\/\d+$/)
    t.equal(await page.evaluate(() => scrollY), 0)
    await page.reload()
    await page.getByRole('heading', { name: 'Letter 20' }).waitFor()

    await page.getByRole('navigation').getByRole('link', { name: 'Articles' }).click()
    await page.getByRole('button', { name: 'More' }).click()
    await link.scrollIntoViewIfNeeded()
    const place = await page.evaluate(() => scrollY)
    await link.click()
    await page.getByRole('link', { name: 'Back to articles' }).waitFor()
    await page.goBack()
    await link.waitFor()
    t.equal(await page.evaluate(() => Math.round(scrollY)), Math.round(place))
    t.ok(await names(page).count() >= 40)
  })

  t.test('a list is refreshed when its tab becomes visible, and keeps its further pages', async t => {
    await writeArticle(dev, alice, 'From elsewhere')
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await page.getByRole('heading', { name: 'From elsewhere' }).waitFor()
    t.ok(await page.getByRole('heading', { name: 'Letter 20' }).isVisible())
  })

  t.test('deleting an article that is gone counts as deleted', async t => {
    const { id } = await writeArticle(dev, alice, 'Short-lived')
    await page.reload()
    await page.getByRole('button', { name: 'Delete “Short-lived”' }).waitFor()
    await api(dev, alice, `/articles/${id}`, { method: 'DELETE' })
    await page.getByRole('button', { name: 'Delete “Short-lived”' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Deleted “Short-lived”.').waitFor()
    t.equal(await page.getByRole('heading', { name: 'Short-lived' }).count(), 0)
  })

  t.test('a delete keeps the scroll position, and its message disappears', async t => {
    const button = page.getByRole('button', { name: 'Delete “Letter 40”' })
    await button.scrollIntoViewIfNeeded()
    const before = await page.evaluate(() => scrollY)
    t.ok(before > 0)
    await button.click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    const message = page.getByText('Deleted “Letter 40”.')
    await message.waitFor()
    t.ok(await message.evaluate(element => element.getBoundingClientRect().bottom <= innerHeight), 'the message is on the screen')
    t.equal(await page.evaluate(() => scrollY), before)
    await message.waitFor({ state: 'detached' })
  })
})
