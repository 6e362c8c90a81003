import type { Services } from 'cognito-local/lib/services/index.js'
import { attributesFromRecord, type UserPoolService } from 'cognito-local/lib/services/userPoolService.js'
import type { MachineClient } from './client-credentials.ts'
import { context } from './pool.ts'

/** A user that exists from the first start. */
export interface SeedUser {
  username: string
  email: string
  password: string
  group: string
  sub: string
}

// The subjects are fixed, so they still match the service's database after the emulator's data was deleted.
export const seedUsers = {
  alice: {
    username: 'alice',
    email: 'alice@example.com',
    password: 'Alice-2026',
    group: 'authors',
    sub: 'a11ce000-0000-4000-8000-000000000001'
  },
  admin: {
    username: 'admin',
    email: 'admin@example.com',
    password: 'Admin-2026',
    group: 'admin',
    sub: 'ad814000-0000-4000-8000-000000000002'
  }
} satisfies Record<string, SeedUser>

/**
 * The app client of a machine. It exists from the first start, and its secret is valid in the emulator only.
 */
export const machineClient: MachineClient = {
  clientId: 'articlesmachine',
  clientSecret: 'articles-machine-secret',
  scopes: ['articles/read', 'articles/write']
}

/**
 * Creates the pool, its client, groups and users if they are missing, and resets the passwords of these
 * users.
 */
export async function seed (services: Services, userPoolId: string, clientId: string): Promise<void> {
  const { clock, cognito } = services
  const now = clock.get()
  const dates = { CreationDate: now, LastModifiedDate: now }
  const userPools = await cognito.listUserPools(context)
  if (!userPools.some(({ Id }) => Id === userPoolId)) {
    await cognito.createUserPool(context, { Id: userPoolId, Name: 'Articles', AutoVerifiedAttributes: ['email'], ...dates })
  }
  const pool = await cognito.getUserPool(context, userPoolId)
  if (await cognito.getAppClient(context, clientId) === null) {
    await pool.saveAppClient(context, { UserPoolId: userPoolId, ClientId: clientId, ClientName: 'Articles', ...dates })
  }
  for (const user of Object.values(seedUsers)) await seedUser(pool, user, now)
}

async function seedUser (pool: UserPoolService, { username, email, password, group, sub }: SeedUser, now: Date): Promise<void> {
  const user = await pool.getUserByUsername(context, username) ?? {
    Username: username,
    Attributes: attributesFromRecord({ sub, email, email_verified: 'true' }),
    RefreshTokens: [],
    UserCreateDate: now,
    UserLastModifiedDate: now
  }
  await pool.saveUser(context, { ...user, Password: password, Enabled: true, UserStatus: 'CONFIRMED' })

  const members = await pool.getGroupByGroupName(context, group) ?? { GroupName: group, CreationDate: now, LastModifiedDate: now, members: [] }
  await pool.saveGroup(context, { ...members, members: [...new Set([...members.members ?? [], username])] })
}
