import t from 'tap'
import { noBrowser, openTab, startBrowser, startDev } from './browser.ts'

// Browsers are slow while other tests run.
t.setTimeout(600_000)

t.test('the password rule of the pool is shown before it is broken, and is the rule that the pool enforces', { skip: noBrowser }, async t => {
  const dev = await startDev(t)
  const page = await openTab(t, await startBrowser(t))
  await page.goto(`${dev.address}/#/sign-up`)
  await page.getByText('At least 12 characters, with a lowercase letter, an uppercase letter, a digit and a symbol.').waitFor()
  await page.getByLabel('Username').fill('greta')
  await page.getByLabel('Email').fill('greta@example.com')

  await page.getByLabel('Password', { exact: true }).fill('Greta-12345')
  await page.getByLabel('Confirm Password').fill('Greta-12345')
  await page.getByText('Password must have at least 12 characters').waitFor()

  await page.getByLabel('Password', { exact: true }).fill('Greta-123456')
  await page.getByLabel('Confirm Password').fill('Greta-123456')
  await page.getByRole('button', { name: 'Create Account' }).click()
  await page.getByLabel('Confirmation Code').waitFor()
})
