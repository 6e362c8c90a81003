import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { admin, keepPicture, noBrowser, openTab, publish, signIn, startBrowser, startDev } from './browser.ts'

// Browsers are slow where much else runs.
t.setTimeout(600_000)

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/**
 * Asserts that axe finds no violation, also with every control hovered and focused, and that the page fits
 * the window. Keeps a picture.
 */
async function look (t: Test, page: Page, name: string): Promise<void> {
  await page.evaluate(async () => document.fonts.ready)
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze()
  t.same(describe(violations), [], `${name} has no violation`)
  const { content, viewport } = await page.evaluate(() => ({ content: document.documentElement.scrollWidth, viewport: innerWidth }))
  t.ok(content <= viewport, `${name} is not wider than the window`)
  await keepPicture(page, name)

  for (const state of ['hover', 'focus', 'active']) {
    const release = await forceState(page, state)
    const { violations } = await new AxeBuilder({ page }).withRules(['color-contrast']).analyze()
    t.same(describe(violations), [], `${name} has no violation on ${state}`)
    await release()
  }
}

function describe (violations: Awaited<ReturnType<AxeBuilder['analyze']>>['violations']): string[] {
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' ')}`)
}

/** Puts every control of the page into a state, such as "hover". The result ends it. */
async function forceState (page: Page, state: string): Promise<() => Promise<void>> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('DOM.enable')
  await devtools.send('CSS.enable')
  const { root } = await devtools.send('DOM.getDocument')
  const { nodeIds } = await devtools.send('DOM.querySelectorAll', { nodeId: root.nodeId, selector: 'a, button, input, select' })
  for (const nodeId of nodeIds) await devtools.send('CSS.forcePseudoState', { nodeId, forcedPseudoClasses: state === 'focus' ? ['focus', 'focus-visible'] : [state] })
  await page.evaluate(async () => Promise.allSettled(document.getAnimations().map(async ({ finished }) => finished)))
  return async () => devtools.detach()
}

t.test('every page, narrow and wide, light and dark, has no violation of WCAG 2.2 AA that axe finds', { skip: noBrowser }, async t => {
  const dev = await startDev(t)
  const browser = await startBrowser(t)

  for (const [width, height] of [[360, 740], [1440, 900]] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const suffix = `${width}-${colorScheme}`
      t.test(suffix, async t => {
        const page = await openTab(t, browser, { viewport: { width, height }, colorScheme })
        await page.goto(dev.address)
        await page.getByRole('link', { name: 'Sign in' }).waitFor()
        await look(t, page, `welcome-${suffix}`)

        await page.getByRole('link', { name: 'Sign in' }).click()
        await page.getByRole('button', { name: 'Forgot your password?' }).waitFor()
        await look(t, page, `sign-in-${suffix}`)
        await page.getByLabel('Username').fill('nobody')
        await page.getByLabel('Password', { exact: true }).fill('Nobody-2026')
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByRole('alert').waitFor()
        await look(t, page, `sign-in-refused-${suffix}`)
        await page.getByRole('button', { name: 'Forgot your password?' }).click()
        await page.getByRole('button', { name: 'Send code' }).waitFor()
        await look(t, page, `forgotten-password-${suffix}`)

        await page.goto(`${dev.address}/#/sign-up`)
        const username = `visitor-${suffix}`
        await page.getByLabel('Username').fill(username)
        await page.getByLabel('Password', { exact: true }).fill('short')
        await page.getByLabel('Confirm Password').fill('other')
        await page.getByLabel('Email').fill(`${username}@example.com`)
        await page.getByText('Your passwords must match').waitFor()
        await look(t, page, `sign-up-${suffix}`)
        await page.getByLabel('Password', { exact: true }).fill('Visitor-2026-new')
        await page.getByLabel('Confirm Password').fill('Visitor-2026-new')
        await page.getByRole('button', { name: 'Create Account' }).click()
        await page.getByLabel('Confirmation Code').waitFor()
        await look(t, page, `code-${suffix}`)

        await page.goto('about:blank')
        await signIn(page, dev, admin)
        await page.getByText(/No more articles|No articles yet/).waitFor()
        await publish(page, 'x'.repeat(51))
        await page.getByText('Enter a name of').waitFor()
        await look(t, page, `fault-${suffix}`)
        for (const name of ['On rye, and patience', 'What the oven knew before anybody else did, it said']) await publish(page, name.slice(0, 50))
        await page.getByText('Published “What the oven knew').waitFor()
        await page.getByRole('button', { name: 'Rename “On rye, and patience”' }).first().click()
        await look(t, page, `articles-${suffix}`)
        await page.getByRole('button', { name: /^Delete “What/ }).first().click()
        await page.getByRole('dialog').waitFor()
        await look(t, page, `delete-${suffix}`)
        await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()

        await page.getByRole('link', { name: /^What the oven/ }).first().click()
        await page.getByRole('link', { name: 'Back to articles' }).waitFor()
        await look(t, page, `article-${suffix}`)
        await page.getByRole('link', { name: 'API' }).click()
        await page.getByText('This token expires').waitFor()
        await page.getByRole('button', { name: 'Show the full token' }).first().click()
        await look(t, page, `api-${suffix}`)
        await page.getByRole('link', { name: 'Account' }).click()
        await page.getByRole('button', { name: 'Set up' }).click()
        await page.getByRole('link', { name: 'Open in the app' }).waitFor()
        await look(t, page, `account-${suffix}`)
        await page.getByRole('link', { name: 'Users' }).click()
        await page.getByText('No more users').waitFor()
        await look(t, page, `users-${suffix}`)
        await page.getByRole('link', { name: 'Audit' }).click()
        await page.getByText('No more entries').waitFor()
        await look(t, page, `audit-${suffix}`)
        await page.goto(`${dev.address}/#/elsewhere`)
        await page.getByRole('heading', { name: 'Page not found' }).waitFor()
        await look(t, page, `not-found-${suffix}`)

        await page.context().setOffline(true)
        await page.getByRole('link', { name: 'Back to articles' }).click()
        await page.getByLabel('Search articles').fill('rye')
        await page.getByText('You are offline').waitFor()
        await look(t, page, `offline-${suffix}`)
      })
    }
  }
})

t.test('everything is done with the keyboard alone, and the focus is always seen', { skip: noBrowser }, async t => {
  const dev = await startDev(t)
  const page = await openTab(t, await startBrowser(t))
  await page.goto(dev.address)
  await page.getByRole('link', { name: 'Sign in' }).waitFor()

  /**
   * Presses Tab until the focus is on the control with this name. Each control on the way must show its
   * focus.
   */
  async function tabTo (name: string | RegExp): Promise<void> {
    for (let step = 0; step < 40; step++) {
      await page.keyboard.press('Tab')
      const focused = page.locator(':focus')
      // After the last control, the focus passes through the browser's own.
      if (await focused.count() === 0) continue
      const seen = await focused.evaluate(element => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element)
        return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || boxShadow !== 'none'
      })
      if (!seen) t.fail(`the focus is not seen on ${await focused.evaluate(element => element.outerHTML)}`)
      const label = await focused.evaluate(element => element.getAttribute('aria-label') ?? (element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : element.textContent) ?? '')
      if (typeof name === 'string' ? label.trim() === name : name.test(label)) return
    }
    throw new Error(`Tab does not lead to ${name}`)
  }

  await tabTo('Sign in')
  await page.keyboard.press('Enter')
  await page.getByLabel('Username').waitFor()
  await tabTo('Username')
  await page.keyboard.type('alice')
  await tabTo('Password')
  await page.keyboard.type('Alice-2026')
  await page.keyboard.press('Enter')
  await page.getByText('No articles yet').waitFor()

  await tabTo('Skip to content')
  await page.keyboard.press('Enter')
  await tabTo('Name')
  await page.keyboard.type('Without a mouse')
  await page.keyboard.press('Enter')
  await page.getByText('“Without a mouse”.').waitFor()
  await tabTo('Delete “Without a mouse”')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await tabTo('Delete')
  await page.keyboard.press('Enter')
  await page.getByText('Deleted “Without a mouse”.').waitFor()
})
