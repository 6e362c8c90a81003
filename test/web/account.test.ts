import { generate } from 'cognito-local/lib/services/totp.js'
import t from 'tap'
import { alice, fillSignIn, noBrowser, openTab, signIn, startBrowser, startDev } from './browser.ts'

// Browsers are slow while other tests run.
t.setTimeout(600_000)

t.test('the account page', { skip: noBrowser }, async t => {
  const dev = await startDev(t)
  const page = await openTab(t, await startBrowser(t))
  await signIn(page, dev, alice)
  await page.getByRole('link', { name: 'Account' }).click()

  t.test('a new email address counts once its code is confirmed', async () => {
    await page.getByLabel('New email').fill('alice@example.org')
    await page.getByRole('button', { name: 'Change email' }).click()
    await page.getByText('We emailed a code to alice@example.org.').waitFor()
    await page.getByLabel('Confirmation code').fill('no')
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByText('The code is incorrect. Try again.').waitFor()
    await page.getByLabel('Confirmation code').fill(await dev.codeFor('alice@example.org'))
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByText('Your email address is now alice@example.org.').waitFor()
  })

  t.test('the password is changed by somebody who knows the current one', async () => {
    await page.getByLabel('Current password').fill('wrong')
    await page.getByLabel('New password').fill('Alice-2026-new')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('The current password is incorrect.').waitFor()
    await page.getByLabel('Current password').fill(alice.password)
    await page.getByLabel('New password').fill('Alice-1')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('The new password does not meet the rule.').waitFor()
    await page.getByLabel('New password').fill('Alice-2026-new')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('Password changed.').waitFor()
  })

  t.test('an authenticator app is set up, asked for at sign-in, and removed', async t => {
    await page.getByRole('button', { name: 'Set up' }).click()
    const key = await page.locator('.app-key code').textContent() ?? ''
    t.match(await page.getByRole('link', { name: 'Open in the app' }).getAttribute('href'), /^otpauth:\/\/totp\/Articles:alice\?.*issuer=Articles/)
    await page.getByLabel('Confirmation code').fill(generate(key))
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByText('Authenticator app set up.').waitFor()

    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.goto(`${dev.address}/#/sign-in`)
    await page.getByLabel('Username').fill('alice')
    await page.getByLabel('Password', { exact: true }).fill('Alice-2026-new')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByLabel('Code').fill(generate(key))
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByRole('link', { name: 'Account' }).click()
    await page.getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await page.getByText('Authenticator app removed.').waitFor()
    await page.getByRole('button', { name: 'Set up' }).waitFor()
  })

  t.test('signing out everywhere ends this session, and a deleted account cannot sign in', async () => {
    await page.getByRole('button', { name: 'Sign out everywhere' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click()
    await page.getByText('You are signed out.').waitFor()
    await page.goto(`${dev.address}/#/sign-in`)
    await fillSignIn(page, { username: 'alice', password: 'Alice-2026-new' })
    await page.getByRole('link', { name: 'Account' }).click()
    await page.getByRole('button', { name: 'Delete account' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete account' }).click()
    await page.getByText('You are signed out.').waitFor()
    await page.goto(`${dev.address}/#/sign-in`)
    await page.getByLabel('Username').fill('alice')
    await page.getByLabel('Password', { exact: true }).fill('Alice-2026-new')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText(/User does not exist|Incorrect username or password/).waitFor()
  })
})
