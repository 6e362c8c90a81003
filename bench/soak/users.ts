import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { Webhook } from 'standardwebhooks'
import type { UserPool } from '../../test/support/user-pool.ts'
import type { PacedSender } from './paced-sender.ts'
import type { Disruptions } from './disruptions.ts'
import { PoolUser } from './pool-user.ts'
import { pick } from './pick-random.ts'

export interface UsersOptions {
  pool: UserPool
  disruptions: Disruptions
  webhookSecret: string
}

const maxUsers = 8

/** The users of one client and its administrator, and the changes to their local users. */
export class Users {
  readonly admin: PoolUser
  readonly #sender: PacedSender
  readonly #pool: UserPool
  readonly #disruptions: Disruptions
  readonly #webhookSecret: string
  #users: PoolUser[] = []

  constructor (sender: PacedSender, { pool, disruptions, webhookSecret }: UsersOptions) {
    this.#sender = sender
    this.#pool = pool
    this.#disruptions = disruptions
    this.#webhookSecret = webhookSecret
    this.admin = new PoolUser(pool, disruptions, `${sender.name}-admin`, ['admin'])
  }

  get any (): PoolUser {
    return pick(this.#users)
  }

  /** Whether the client may add another user. */
  get hasRoom (): boolean {
    return this.#users.length < maxUsers
  }

  /** Adds a user, whose first request creates the local user. */
  async add (): Promise<void> {
    const user = new PoolUser(this.#pool, this.#disruptions, this.#sender.nextName())
    await this.provision(user)
    if (user.id > 0) this.#users.push(user)
  }

  async provision (user: PoolUser): Promise<void> {
    const response = await this.#sender.send({ path: '/me', token: user.newToken(), expected: ['200'] })
    if (response === undefined) return
    const { id, username, sub, email } = Object(response.body)
    this.#sender.check(username === user.username && sub === user.subject && email === user.email, `/me of ${user.username} is another user`, response)
    user.id = id
  }

  /**
   * Stops using a user who was removed, or whose state is uncertain. The administrator changes the articles.
   */
  drop (user: PoolUser): void {
    user.isDropped = true
    this.#users = this.#users.filter(other => other !== user)
  }

  async me (): Promise<void> {
    const user = this.any
    const response = await this.#sender.send({ path: '/me', token: user.token(), expected: ['200'] })
    if (response !== undefined) this.#sender.check(Object(response.body).id === user.id, `/me of ${user.username} is not user ${user.id}`, response)
  }

  async administer (): Promise<void> {
    const token = this.admin.token()
    if (Math.random() < 0.5) {
      await this.#sender.send({ path: pick(['/admin/audit?limit=20', '/admin/users?limit=20&order=desc', `/admin/users?q=${this.#sender.name}`]), token, expected: ['200'] })
      return
    }
    const username = this.#sender.nextName()
    const body = { username, email: `${username}@example.com` }
    const added = await this.#sender.send({ method: 'POST', path: '/admin/users', token, body, expected: ['201'] })
    if (added === undefined) return
    await this.#sender.send({ method: 'POST', path: '/admin/users', token: this.admin.token(), body, expected: ['409 conflict'] })
    const path = `/admin/users/${Object(added.body).id}`
    const email = `new-${body.email}`
    const changed = await this.#sender.send({ method: 'PATCH', path, token: this.admin.token(), body: { email }, expected: ['200'] })
    if (changed === undefined) return
    const read = await this.#sender.send({ path, token: this.admin.token(), expected: ['200'] })
    if (read !== undefined) this.#sender.check(isDeepStrictEqual(read.body, changed.body) && Object(read.body).email === email, `user ${username} does not show the change`, read)
    const removed = await this.#sender.send({ method: 'DELETE', path, token: this.admin.token(), expected: ['204'] })
    if (removed !== undefined) await this.#sender.send({ path, token: this.admin.token(), expected: ['404 not_found'] })
  }

  async disable (): Promise<void> {
    const user = this.any
    const set = (disabled: boolean) => this.#sender.send({ method: 'PATCH', path: `/admin/users/${user.id}`, token: this.admin.token(), body: { disabled }, expected: ['200'] })
    if (await set(true) === undefined) {
      this.drop(user)
      return
    }
    for (let n = 0; n < 2; n++) await this.#sender.send({ path: pick(['/me', '/articles']), token: user.token(), expected: ['403 user_disabled'] })
    if (await set(false) === undefined) this.drop(user)
    else await this.me()
  }

  async signOut (): Promise<void> {
    const user = this.any
    const response = Math.random() < 0.5
      ? await this.#sender.send({ method: 'POST', path: '/me/sign-out', token: user.token(), expected: ['204'] })
      : await this.#sender.send({ method: 'POST', path: `/admin/users/${user.id}/sign-out`, token: this.admin.token(), expected: ['204'] })
    if (response === undefined) {
      this.drop(user)
      return
    }
    user.startSession()
    for (const token of [user.signedOutToken(), user.signedOutToken()]) {
      if (token !== undefined) await this.#sender.send({ path: '/articles', token, expected: ['401 invalid_auth_token'] })
    }
    await this.#sender.send({ path: '/me', token: user.newToken(), expected: ['200'] })
  }

  /** Sends the Post-Confirmation event with an invalid signature, then twice with a valid one. */
  async confirm (): Promise<void> {
    const userName = this.#sender.nextName()
    const body = JSON.stringify({
      triggerSource: 'PostConfirmation_ConfirmSignUp',
      userPoolId: this.#pool.id,
      userName,
      request: { userAttributes: { sub: randomUUID(), email: `${userName}@example.com`, email_verified: 'true' } }
    })
    const now = new Date()
    const signature = new Webhook(this.#webhookSecret).sign(userName, now, body)
    const send = (signature: string, outcome: string) => this.#sender.send({
      method: 'POST',
      path: '/cognito/post-confirmation',
      headers: { 'webhook-id': userName, 'webhook-timestamp': `${Math.floor(now.getTime() / 1000)}`, 'webhook-signature': signature },
      body,
      skipsDatabase: outcome.startsWith('401'),
      expected: [outcome]
    })
    await send('v1,bm8gc2lnbmF0dXJl', '401 invalid_auth_token')
    if (await send(signature, '201') !== undefined) await send(signature, '200')
  }

  async requestAsStranger (): Promise<void> {
    const stranger = () => new PoolUser(this.#pool, this.#disruptions, this.#sender.nextName())
    for (const token of [stranger().newToken('access'), stranger().newToken('id', 3600, { email_verified: false })]) {
      const response = await this.#sender.send({ path: '/me', token, expected: ['200'] })
      if (response !== undefined) this.#sender.check(Object(response.body).email === null, 'an unproved address was stored', response)
    }
  }
}
