import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { CognitoIdentityProviderClient, UserType } from '@aws-sdk/client-cognito-identity-provider'

/** Cognito's API for user pools. The AWS SDK finds the credentials that it needs. */
export interface UserPoolClient {
  /**
   * https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminUserGlobalSignOut.html
   */
  signOut (userPoolId: string, username: string): Promise<void>
  /**
   * At most 60 users.
   * https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html
   */
  listUsers (userPoolId: string, page: string | null): Promise<UsersPage>
  /** Cognito's estimate of the number of users; undefined where it gives none. */
  estimateUsers (userPoolId: string): Promise<number | undefined>
  close (): Promise<void>
}

export interface UsersPage {
  users: UserType[]
  next: string | null
}

const requestTimeoutMs = 3_000
const connectionTimeoutMs = 2_000

export function userPoolClient (endpoint: string | undefined): UserPoolClient {
  // The SDK is as large as the service, so it is loaded only where it is used.
  const loading = import('@aws-sdk/client-cognito-identity-provider')
  const clients = new Map<string, CognitoIdentityProviderClient>()
  // The SDK knows no proxies. Node's agents honour HTTPS_PROXY, HTTP_PROXY and NO_PROXY where they are asked
  // to.
  const agentOptions = { keepAlive: true, maxSockets: 50, proxyEnv: process.env }
  const httpAgent = new HttpAgent(agentOptions)
  const httpsAgent = new HttpsAgent(agentOptions)

  return {
    async signOut (userPoolId, username) {
      const { AdminUserGlobalSignOutCommand } = await loading
      const client = await clientFor(userPoolId)
      await client.send(new AdminUserGlobalSignOutCommand({ UserPoolId: userPoolId, Username: username }))
    },

    async listUsers (userPoolId, page) {
      const { ListUsersCommand } = await loading
      const client = await clientFor(userPoolId)
      const command = new ListUsersCommand({ UserPoolId: userPoolId, Limit: 60, ...(page && { PaginationToken: page }) })
      const { Users: users = [], PaginationToken: next = null } = await client.send(command)
      return { users, next }
    },

    async estimateUsers (userPoolId) {
      const { DescribeUserPoolCommand } = await loading
      const client = await clientFor(userPoolId)
      const { UserPool: pool } = await client.send(new DescribeUserPoolCommand({ UserPoolId: userPoolId }))
      return pool?.EstimatedNumberOfUsers
    },

    async close () {
      for (const client of clients.values()) client.destroy()
    }
  }

  async function clientFor (userPoolId: string): Promise<CognitoIdentityProviderClient> {
    const { CognitoIdentityProviderClient } = await loading
    const [region = ''] = userPoolId.split('_', 1)
    const client = clients.get(region) ?? new CognitoIdentityProviderClient({
      region,
      requestHandler: { httpAgent, httpsAgent, requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true, connectionTimeout: connectionTimeoutMs },
      maxAttempts: 2,
      retryMode: 'adaptive',
      ...(endpoint !== undefined && { endpoint })
    })
    clients.set(region, client)
    return client
  }
}
