import t from 'tap'
import { alice, api, fillSignIn, keepPicture, noBrowser, openTab, publish, signIn, startBrowser, startDev, writeArticle, type Dev } from './browser.ts'

// Browsers are slow where much else runs.
t.setTimeout(600_000)

const options = { skip: noBrowser }

/** How many articles the service has by a name. */
async function count (dev: Dev, name: string): Promise<number> {
  return (await (await api(dev, alice, `/articles?q=${encodeURIComponent(name)}`)).json()).length
}

t.test('a stranger signs up with the e-mailed code, and the first article is listed', options, async t => {
  const dev = await startDev(t)
  const page = await openTab(t, await startBrowser(t))
  await page.goto(dev.address)
  await page.getByRole('link', { name: 'Create an account' }).click()
  await page.getByLabel('Username').fill('greta')
  await page.getByLabel('Password', { exact: true }).fill('Greta-2026-new')
  await page.getByLabel('Confirm Password').fill('Greta-2026-new')
  await page.getByLabel('Email').fill('greta@example.com')
  await page.getByRole('button', { name: 'Create Account' }).click()
  await page.getByLabel('Confirmation Code').fill(await dev.codeFor('greta@example.com'))
  await page.getByRole('button', { name: 'Confirm' }).click()

  await page.getByText('No articles yet').waitFor()
  await keepPicture(page, 'no-articles')
  await publish(page, 'On bread')
  await page.getByText('Published “On bread”.').waitFor()
  t.equal(await page.getByRole('heading', { name: 'On bread' }).count(), 1)
  t.equal(await page.getByText('greta, just now').count(), 1)
  t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), '')

  await page.reload()
  await page.getByRole('heading', { name: 'On bread' }).waitFor()
  t.equal(await count(dev, 'On bread'), 1)
})

t.test('the pages of articles', options, async t => {
  const dev = await startDev(t)
  const browser = await startBrowser(t)
  await api(dev, { username: 'admin', password: 'Admin-2026' }, '/me')

  t.test('what the service finds wrong with a name stands beside the field', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await publish(page, 'x'.repeat(51))
    const field = page.getByLabel('Name', { exact: true })
    await page.getByText('Enter a name of 1 to 50 characters.').waitFor()
    t.equal(await field.getAttribute('aria-invalid'), 'true')
    t.match(await field.evaluate(input => (input.getAttribute('aria-describedby') ?? '').split(' ').map(id => document.getElementById(id)?.textContent).join('|')), /1 to 50 characters.*\|51 of 50/)
    t.equal(await field.inputValue(), 'x'.repeat(51), 'what was written stays')
    t.ok(await field.evaluate(input => input === document.activeElement), 'where the fault is, the reader is')
    await publish(page, 'short enough')
    await page.getByText('Published “short enough”.').waitFor()
    t.equal(await field.getAttribute('aria-invalid'), 'false')
  })

  t.test('an author renames and deletes', async t => {
    await writeArticle(dev, alice, 'First thoughts')
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.getByRole('button', { name: 'Rename “First thoughts”' }).click()
    await page.getByLabel('New name').fill('Second thoughts')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Second thoughts' }).waitFor()
    t.ok(await page.getByRole('button', { name: 'Rename “Second thoughts”' }).evaluate(button => button === document.activeElement), 'the focus is back')

    await page.getByRole('button', { name: 'Delete “Second thoughts”' }).click()
    await page.keyboard.press('Escape')
    t.equal(await count(dev, 'Second thoughts'), 1, 'asked, and not done')
    await page.getByRole('button', { name: 'Delete “Second thoughts”' }).click()
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByText('Deleted “Second thoughts”.').waitFor()
    t.equal(await page.getByRole('heading', { name: 'Second thoughts' }).count(), 0)
    t.equal(await count(dev, 'Second thoughts'), 0)
  })

  t.test('a name that another tab has changed meanwhile is not overwritten unseen', async t => {
    await writeArticle(dev, alice, 'Ours')
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.getByRole('button', { name: 'Rename “Ours”' }).click()
    const [article] = await (await api(dev, alice, '/articles?order=desc&limit=1')).json()
    await api(dev, alice, `/articles/${article.id}`, { method: 'PATCH', body: JSON.stringify({ name: 'Theirs' }) })
    await page.getByLabel('New name').fill('Mine')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Someone renamed it to “Theirs” in the meantime').waitFor()
    t.equal(await count(dev, 'Theirs'), 1)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Mine' }).waitFor()
    t.equal(await count(dev, 'Theirs'), 0)
  })

  t.test("another author's articles are not offered for change", async t => {
    await writeArticle(dev, { username: 'admin', password: 'Admin-2026' }, 'From the office')
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.getByRole('heading', { name: 'From the office' }).waitFor()
    await page.getByRole('button', { name: /^Rename/ }).first().waitFor()
    t.equal(await page.getByRole('button', { name: 'Rename “From the office”' }).count(), 0)
  })

  t.test('the list is the newest first, goes on page by page, and is searched', async t => {
    for (let number = 1; number <= 45; number++) await writeArticle(dev, alice, `Letter ${String(number).padStart(2, '0')}`)
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    const names = page.getByRole('list').getByRole('heading')
    await page.getByLabel('Search articles').fill('LETTER')
    await page.getByRole('region', { name: 'Articles matching “LETTER”' }).waitFor()
    await page.getByRole('heading', { name: 'Letter 26' }).waitFor()
    t.equal(await names.count(), 20)
    t.equal(await names.first().textContent(), 'Letter 45')
    await page.getByRole('button', { name: 'More' }).click()
    await page.getByRole('heading', { name: 'Letter 06' }).waitFor()
    await page.getByRole('button', { name: 'More' }).click()
    await page.getByText('No more articles').waitFor()
    t.equal(await names.count(), 45)
    t.equal(new Set(await names.allTextContents()).size, 45)

    await page.getByLabel('Search articles').fill('nobody wrote this')
    await page.getByText('No articles match “nobody wrote this”.').waitFor()
  })

  t.test('a retry after a lost answer makes no second article, also after a reload', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    await page.route('**/articles', async route => {
      if (route.request().method() !== 'POST') return route.continue()
      await route.fetch()
      await route.abort('connectionreset')
    })
    await publish(page, 'Sent once')
    await page.getByText('Connection lost').waitFor()
    await keepPicture(page, 'connection-lost')
    t.equal(await count(dev, 'Sent once'), 1, 'it had arrived')

    await page.reload()
    await page.getByRole('button', { name: 'Publish again' }).click()
    await page.getByText('Connection lost').waitFor()
    await page.unroute('**/articles')
    await page.getByRole('button', { name: 'Publish again' }).click()
    await page.getByText('Published “Sent once”.').waitFor()
    t.equal(await count(dev, 'Sent once'), 1)
    t.equal(await page.getByRole('heading', { name: 'Sent once' }).count(), 1)

    await publish(page, 'Sent once')
    await page.getByRole('heading', { name: 'Sent once' }).nth(1).waitFor()
    t.equal(await count(dev, 'Sent once'), 2, 'what is written anew is a new article')
  })

  t.test('offline, the list says so, and goes on when the connection is back', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    const more = page.getByRole('button', { name: 'More' })
    await more.waitFor()
    await page.context().setOffline(true)
    await more.click()
    await page.getByText('You are offline').waitFor()
    await keepPicture(page, 'offline')
    t.equal(await page.getByRole('list').getByRole('heading').count(), 20, 'what was there stays')
    await page.context().setOffline(false)
    await page.getByText('You are offline').waitFor({ state: 'detached' })
    await page.getByRole('list').getByRole('heading').nth(39).waitFor()
  })

  t.test('a service in trouble is told from a lost connection', async t => {
    const page = await openTab(t, browser)
    await page.route('**/articles?*', route => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }))
    await page.goto(`${dev.address}/#/sign-in`)
    await fillSignIn(page, alice)
    await page.getByText('Something went wrong on our side').waitFor()
    await page.unroute('**/articles?*')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('list').getByRole('heading').first().waitFor()
  })
})
