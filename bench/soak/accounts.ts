import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { Webhook } from 'standardwebhooks'
import type { UserPool } from '../../test/support/user-pool.ts'
import type { Caller } from './caller.ts'
import type { Circumstances } from './circumstances.ts'
import { Person } from './people.ts'
import { pick } from './pick.ts'

export interface AccountsOptions {
  pool: UserPool
  circumstances: Circumstances
  webhookSecret: string
}

const mostPeople = 8

/** The people of one client and its administrator, and what becomes of their accounts. */
export class Accounts {
  readonly admin: Person
  readonly #caller: Caller
  readonly #pool: UserPool
  readonly #circumstances: Circumstances
  readonly #webhookSecret: string
  #people: Person[] = []

  constructor (caller: Caller, { pool, circumstances, webhookSecret }: AccountsOptions) {
    this.#caller = caller
    this.#pool = pool
    this.#circumstances = circumstances
    this.#webhookSecret = webhookSecret
    this.admin = new Person(pool, circumstances, `${caller.name}-admin`, ['admin'])
  }

  get someone (): Person {
    return pick(this.#people)
  }

  /** Whether there is room for somebody else. */
  get areFew (): boolean {
    return this.#people.length < mostPeople
  }

  /** Somebody new, who comes with an id token and is made a local user by that. */
  async welcome (): Promise<void> {
    const person = new Person(this.#pool, this.#circumstances, this.#caller.nextName())
    await this.introduce(person)
    if (person.id > 0) this.#people.push(person)
  }

  async introduce (person: Person): Promise<void> {
    const answer = await this.#caller.ask({ path: '/me', token: person.newToken(), due: ['200'] })
    if (answer === undefined) return
    const { id, username, sub, email } = Object(answer.body)
    this.#caller.check(username === person.username && sub === person.subject && email === person.email, `/me of ${person.username} is somebody else`, answer)
    person.id = id
  }

  /** Of whom not everything is known any more, or who is gone: an administrator looks after the articles. */
  partWith (person: Person): void {
    person.parted = true
    this.#people = this.#people.filter(other => other !== person)
  }

  async me (): Promise<void> {
    const person = this.someone
    const answer = await this.#caller.ask({ path: '/me', token: person.token(), due: ['200'] })
    if (answer !== undefined) this.#caller.check(Object(answer.body).id === person.id, `/me of ${person.username} is not user ${person.id}`, answer)
  }

  async administer (): Promise<void> {
    const token = this.admin.token()
    if (Math.random() < 0.5) {
      await this.#caller.ask({ path: pick(['/admin/audit?limit=20', '/admin/users?limit=20&order=desc', `/admin/users?q=${this.#caller.name}`]), token, due: ['200'] })
      return
    }
    const username = this.#caller.nextName()
    const body = { username, email: `${username}@example.com` }
    const added = await this.#caller.ask({ method: 'POST', path: '/admin/users', token, body, due: ['201'] })
    if (added === undefined) return
    await this.#caller.ask({ method: 'POST', path: '/admin/users', token: this.admin.token(), body, due: ['409 conflict'] })
    const path = `/admin/users/${Object(added.body).id}`
    const email = `new-${body.email}`
    const changed = await this.#caller.ask({ method: 'PATCH', path, token: this.admin.token(), body: { email }, due: ['200'] })
    if (changed === undefined) return
    const read = await this.#caller.ask({ path, token: this.admin.token(), due: ['200'] })
    if (read !== undefined) this.#caller.check(isDeepStrictEqual(read.body, changed.body) && Object(read.body).email === email, `user ${username} is not as it was changed`, read)
    const removed = await this.#caller.ask({ method: 'DELETE', path, token: this.admin.token(), due: ['204'] })
    if (removed !== undefined) await this.#caller.ask({ path, token: this.admin.token(), due: ['404 not_found'] })
  }

  async disable (): Promise<void> {
    const person = this.someone
    const set = (disabled: boolean) => this.#caller.ask({ method: 'PATCH', path: `/admin/users/${person.id}`, token: this.admin.token(), body: { disabled }, due: ['200'] })
    if (await set(true) === undefined) {
      this.partWith(person)
      return
    }
    for (let n = 0; n < 2; n++) await this.#caller.ask({ path: pick(['/me', '/articles']), token: person.token(), due: ['403 user_disabled'] })
    if (await set(false) === undefined) this.partWith(person)
    else await this.me()
  }

  async signOut (): Promise<void> {
    const person = this.someone
    const answer = Math.random() < 0.5
      ? await this.#caller.ask({ method: 'POST', path: '/me/sign-out', token: person.token(), due: ['204'] })
      : await this.#caller.ask({ method: 'POST', path: `/admin/users/${person.id}/sign-out`, token: this.admin.token(), due: ['204'] })
    if (answer === undefined) {
      this.partWith(person)
      return
    }
    person.signInAgain()
    for (const token of [person.signedOutToken(), person.signedOutToken()]) {
      if (token !== undefined) await this.#caller.ask({ path: '/articles', token, due: ['401 invalid_auth_token'] })
    }
    await this.#caller.ask({ path: '/me', token: person.newToken(), due: ['200'] })
  }

  /** The Post-Confirmation event, once and again, and with a signature that is no good. */
  async confirm (): Promise<void> {
    const userName = this.#caller.nextName()
    const body = JSON.stringify({
      triggerSource: 'PostConfirmation_ConfirmSignUp',
      userPoolId: this.#pool.id,
      userName,
      request: { userAttributes: { sub: randomUUID(), email: `${userName}@example.com`, email_verified: 'true' } }
    })
    const now = new Date()
    const signature = new Webhook(this.#webhookSecret).sign(userName, now, body)
    const send = (signature: string, due: string) => this.#caller.ask({
      method: 'POST',
      path: '/cognito/post-confirmation',
      headers: { 'webhook-id': userName, 'webhook-timestamp': `${Math.floor(now.getTime() / 1000)}`, 'webhook-signature': signature },
      body,
      withoutStorage: due.startsWith('401'),
      due: [due]
    })
    await send('v1,bm8gc2lnbmF0dXJl', '401 invalid_auth_token')
    if (await send(signature, '201') !== undefined) await send(signature, '200')
  }

  async strangers (): Promise<void> {
    const stranger = () => new Person(this.#pool, this.#circumstances, this.#caller.nextName())
    await this.#caller.ask({ path: '/me', token: stranger().newToken('access'), due: ['403 no_such_user'] })
    await this.#caller.ask({ path: '/me', token: stranger().newToken('id', 3600, { email_verified: false }), due: ['403 email_not_verified'] })
  }
}
