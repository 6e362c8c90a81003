import t from 'tap'
import { alice, noBrowser, openTab, publish, signIn, startBrowser, startDev, writeArticle } from './browser.ts'

// Browsers are slow while other tests run.
t.setTimeout(600_000)

t.test('languages', { skip: noBrowser }, async t => {
  const dev = await startDev(t)
  const browser = await startBrowser(t)
  await writeArticle(dev, alice, 'שלום עולם')

  for (const { locale, texts } of [
    {
      locale: 'de-AT',
      texts: {
        signIn: 'Anmelden',
        username: 'Benutzername',
        password: 'Passwort',
        refused: 'Falscher Benutzername oder falsches Passwort',
        signOut: 'Abmelden',
        publish: 'Veröffentlichen',
        published: '„Brot“ veröffentlicht.',
        time: /alice, gerade eben/,
        rule: 'Mindestens 12 Zeichen, darunter ein Kleinbuchstabe'
      }
    },
    {
      locale: 'fr-CA',
      texts: {
        signIn: 'Se connecter',
        username: "Nom d'utilisateur",
        password: 'Mot de passe',
        refused: 'Nom d’utilisateur ou mot de passe incorrect.',
        signOut: 'Se déconnecter',
        publish: 'Publier',
        published: '« Brot » publié.',
        time: /alice, à l’instant/,
        rule: 'Au moins 12 caractères, dont une minuscule'
      }
    }
  ]) {
    t.test(`${locale}: the pages, the sign-in form and the dates are in the browser's language`, async t => {
      const page = await openTab(t, browser, { locale })
      await page.goto(`${dev.address}/#/sign-up`)
      await page.getByText(texts.rule).waitFor()
      await page.goto(`${dev.address}/#/sign-in`)
      const submit = page.locator('form').getByRole('button', { name: texts.signIn })
      await page.getByLabel(texts.username).fill('alice')
      await page.getByLabel(texts.password, { exact: true }).fill('wrong')
      await submit.click()
      await page.getByText(texts.refused).waitFor()
      await page.getByLabel(texts.password, { exact: true }).fill(alice.password)
      await submit.click()
      await page.getByRole('button', { name: texts.signOut, exact: true }).waitFor()
      t.equal(await page.evaluate(() => document.documentElement.lang), locale)
      await page.getByRole('textbox').first().fill('Brot')
      await page.getByRole('button', { name: texts.publish }).click()
      await page.getByText(texts.published).waitFor()
      t.match(await page.getByRole('listitem').first().locator('p').textContent(), texts.time)
      const date = await page.locator('time').first().evaluate(element => [element.getAttribute('title'), element.getAttribute('datetime') ?? ''])
      t.equal(date[0], new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' }).format(new Date(date[1] ?? '')))
    })
  }

  t.test('a browser in an unknown language gets English texts and English dates', async t => {
    const page = await openTab(t, browser, { locale: 'ja-JP' })
    await signIn(page, dev, alice)
    await publish(page, 'Today')
    await page.getByText('alice, just now').first().waitFor()
    t.match(await page.locator('time').first().getAttribute('title'), /\d{4} at \d/)
  })

  t.test('the reader chooses a language, and the choice stays', async t => {
    const page = await openTab(t, browser)
    await page.goto(dev.address)
    await page.getByLabel('Language').selectOption('Deutsch')
    await page.getByText('Alle hier können es lesen.').waitFor()
    t.equal(await page.title(), 'Artikel')
    await page.reload()
    await page.getByText('Alle hier können es lesen.').waitFor()
    await page.getByRole('link', { name: 'Anmelden' }).click()
    await page.getByLabel('Benutzername').waitFor()
    await page.getByLabel('Sprache').selectOption('Français')
    await page.getByLabel("Nom d'utilisateur").waitFor()
  })

  t.test('a name runs in its own direction', async t => {
    const page = await openTab(t, browser)
    await signIn(page, dev, alice)
    const heading = page.getByRole('heading', { name: 'שלום עולם' })
    await heading.waitFor()
    t.equal(await heading.evaluate(element => getComputedStyle(element).direction), 'rtl')
  })
})
