import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { CognitoIdentityProviderClient, UserType } from '@aws-sdk/client-cognito-identity-provider'

/** The user pools' own API, for which AWS credentials are needed; the SDK finds them where it always does. */
export interface UserPoolClient {
  /** https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminUserGlobalSignOut.html */
  signOut (userPoolId: string, subject: string): Promise<void>
  /** At most 60 users. https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html */
  listUsers (userPoolId: string, page: string | null): Promise<UsersPage>
  /** About how many users there are, as Cognito estimates; undefined where it does not say. */
  estimateUsers (userPoolId: string): Promise<number | undefined>
  close (): Promise<void>
}

export interface UsersPage {
  users: UserType[]
  next: string | null
}

/** How long one request may take, in milliseconds. */
const requestTimeout = 3_000

export function userPoolClient (endpoint: string | undefined): UserPoolClient {
  // The SDK is as large as the service: it is loaded by those who need it.
  const loading = import('@aws-sdk/client-cognito-identity-provider')
  const clients = new Map<string, CognitoIdentityProviderClient>()
  // The SDK knows no proxies. Node's agents honour HTTPS_PROXY, HTTP_PROXY and NO_PROXY where they are asked to.
  const agentOptions = { keepAlive: true, maxSockets: 50, proxyEnv: process.env }
  const httpAgent = new HttpAgent(agentOptions)
  const httpsAgent = new HttpsAgent(agentOptions)

  return {
    async signOut (userPoolId, subject) {
      const { AdminUserGlobalSignOutCommand } = await loading
      const client = await clientFor(userPoolId)
      await client.send(new AdminUserGlobalSignOutCommand({ UserPoolId: userPoolId, Username: subject }))
    },

    async listUsers (userPoolId, page) {
      const { ListUsersCommand } = await loading
      const client = await clientFor(userPoolId)
      const { Users: users = [], PaginationToken: next = null } = await client.send(new ListUsersCommand({ UserPoolId: userPoolId, Limit: 60, ...(page && { PaginationToken: page }) }))
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
      requestHandler: { httpAgent, httpsAgent, requestTimeout, throwOnRequestTimeout: true, connectionTimeout: 2_000 },
      maxAttempts: 2,
      retryMode: 'adaptive',
      ...(endpoint !== undefined && { endpoint })
    })
    clients.set(region, client)
    return client
  }
}
