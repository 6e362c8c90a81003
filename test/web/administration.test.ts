import t from 'tap'
import { admin, alice, keepPicture, noBrowser, openTab, publish, signIn, startBrowser, startDev } from './browser.ts'

// Browsers are slow where much else runs.
t.setTimeout(600_000)

t.test('administration in the browser', { skip: noBrowser }, async t => {
  const dev = await startDev(t)
  const browser = await startBrowser(t)
  const [office, reader] = [await openTab(t, browser), await openTab(t, browser)]
  await signIn(reader, dev, alice)
  await reader.getByText('No articles yet').waitFor()
  t.equal(await reader.getByRole('link', { name: 'Users' }).count(), 0, 'only administrators are offered it')
  await reader.goto(`${dev.address}/#/users`)
  await reader.getByRole('heading', { name: 'Page not found' }).waitFor()
  await reader.goto(`${dev.address}/#/articles`)

  await signIn(office, dev, admin)
  await office.getByRole('link', { name: 'Users' }).click()

  t.test('a user is added, and what is wrong stands beside its field', async t => {
    await office.getByLabel('Username', { exact: true }).fill('two words')
    await office.getByRole('button', { name: 'Add' }).click()
    await office.getByText('Enter a username of').waitFor()
    await office.getByText('Enter an email address.').waitFor()
    const add = async (email: string) => {
      await office.getByLabel('Username', { exact: true }).fill('carol')
      await office.getByLabel('Email', { exact: true }).fill(email)
      await office.getByRole('button', { name: 'Add' }).click()
    }
    await add('carol@example.com')
    await office.getByText('Added carol.').waitFor()
    await add('other@example.com')
    await office.getByText('Another user has this').waitFor()
    t.equal(await office.getByRole('heading', { name: 'carol has not signed in yet' }).count(), 1)
  })

  t.test('users are searched', async t => {
    await office.getByLabel('Search username and email').fill('CAROL@')
    await office.getByRole('region', { name: 'Users matching “CAROL@”' }).getByRole('heading', { name: 'carol' }).waitFor()
    t.equal(await office.getByRole('list').getByRole('heading').count(), 1)
    await office.getByLabel('Search username and email').fill('')
    await office.getByRole('heading', { name: 'alice' }).waitFor()
  })

  t.test('a user is signed out', async () => {
    await office.getByRole('button', { name: 'Sign out alice' }).click()
    await office.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
    await office.getByText('Signed alice out everywhere.').waitFor()
    await publish(reader, 'Still me?')
    await reader.getByText('Your session has expired').waitFor()
  })

  t.test('a user is disabled, and enabled again', async t => {
    await signIn(reader, dev, alice)
    await office.getByRole('button', { name: 'Disable alice' }).click()
    await office.getByRole('dialog').getByRole('button', { name: 'Disable' }).click()
    await office.getByRole('heading', { name: 'alice disabled' }).waitFor()
    await keepPicture(office, 'users')
    t.equal(await office.getByRole('button', { name: 'Disable admin' }).count(), 0, 'nobody locks themselves out')

    await reader.reload()
    await reader.getByText('Your access is disabled').waitFor()
    await office.getByRole('button', { name: 'Enable alice' }).click()
    await office.getByRole('dialog').getByRole('button', { name: 'Enable' }).click()
    await office.getByText('Enabled alice.').waitFor()
    await reader.getByRole('button', { name: 'Try again' }).click()
    await reader.getByText('No articles yet').waitFor()
  })

  t.test('the audit trail tells it all, the newest first', async t => {
    await office.getByRole('link', { name: 'Audit' }).click()
    await office.getByText('No more entries').waitFor()
    const told = await office.getByRole('listitem').locator('p:first-child').allTextContents()
    t.same(told.slice(0, 4), ['admin enabled alice', 'admin disabled alice', 'admin signed out alice', 'admin added carol'])
    await keepPicture(office, 'audit')
  })
})
