import { Aws, CfnOutput, Duration, Fn, RemovalPolicy, Stack, Validations, type StackProps } from 'aws-cdk-lib'
import { AccountRecovery, FeaturePlan, Mfa, OAuthScope, ResourceServerScope, UserPool, UserPoolClient, UserPoolGroup, UserPoolOperation, VerificationEmailStyle, ClientAttributes } from 'aws-cdk-lib/aws-cognito'
import { Effect, ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { passwordPolicy } from '../../src/cognito/password-policy.ts'
import { PostConfirmationFunction } from './post-confirmation-function.ts'
import type { Settings } from './settings.ts'
import { WebhookSecret } from './webhook-secret.ts'

/**
 * The user pool with its app clients, scopes and administrators' group, the Post-Confirmation Lambda, and the
 * values that the service needs.
 */
export class UsersStack extends Stack {
  constructor (scope: Construct, id: string, settings: Settings, props: StackProps = {}) {
    super(scope, id, { description: 'Users of the service of articles', terminationProtection: true, ...props })
    const { adminGroup, domainPrefix, mfaRequired } = settings

    const userPool = addUserPool(this, mfaRequired)
    const client = addClient(this, userPool)
    const group = new UserPoolGroup(this, 'AdminGroup', { userPool, groupName: adminGroup, description: 'Administers the service of articles.' })
    const machineClient = addMachineClient(this, userPool, domainPrefix)
    // These stay with the pool. Without the group there is no administrator, and a new client would have
    // another id.
    for (const kept of [client, machineClient, group]) kept.applyRemovalPolicy(RemovalPolicy.RETAIN)

    const { whole: secret } = new WebhookSecret(this, 'WebhookSecret')
    const { lambda } = new PostConfirmationFunction(this, 'PostConfirmation', { ...settings, secret })
    userPool.addTrigger(UserPoolOperation.POST_CONFIRMATION, lambda)

    const servicePolicy = addPolicy(this, 'ServicePolicy', 'What the service asks of Cognito: signing users out, and users sync.',
      ['cognito-idp:AdminUserGlobalSignOut', 'cognito-idp:ListUsers', 'cognito-idp:DescribeUserPool'], userPool.userPoolArn)
    const secretPolicy = addPolicy(this, 'SecretPolicy', 'Reads POST_CONFIRMATION_SECRET: for what starts the service.',
      ['secretsmanager:GetSecretValue'], secret.secretArn)

    addOutput(this, 'AwsUserPoolsId', userPool.userPoolId, 'AWS_USER_POOLS_ID')
    addOutput(this, 'AwsAppClientId', Fn.join(',', [client.userPoolClientId, machineClient.userPoolClientId]), 'AWS_APP_CLIENT_ID')
    addOutput(this, 'MachineClientId', machineClient.userPoolClientId, 'the client id that machines sign in with')
    addOutput(this, 'TokenEndpoint', `https://${domainName(domainPrefix)}.auth.${this.region}.amazoncognito.com/oauth2/token`, 'where machines get their tokens')
    addOutput(this, 'AdminGroupName', adminGroup, 'ADMIN_GROUP')
    addOutput(this, 'PostConfirmationSecretArn', secret.secretArn, 'the secret whose value is POST_CONFIRMATION_SECRET')
    addOutput(this, 'Region', this.region, 'the region of all this')
    addOutput(this, 'ServicePolicyArn', servicePolicy.managedPolicyArn, 'for the role of the service')
    addOutput(this, 'SecretPolicyArn', secretPolicy.managedPolicyArn, 'for the role that starts the service, which hands it the secret')
  }
}

function addUserPool (scope: Construct, mfaRequired: boolean): UserPool {
  const userPool = new UserPool(scope, 'UserPool', {
    featurePlan: FeaturePlan.ESSENTIALS,
    selfSignUpEnabled: true,
    // People choose a username, which is shown as the author. With e-mail sign-in alone, the username would
    // be a UUID.
    signInAliases: { username: true, email: true },
    signInCaseSensitive: false,
    standardAttributes: { email: { required: true, mutable: true } },
    autoVerify: { email: true },
    keepOriginal: { email: true },
    userVerification: { emailStyle: VerificationEmailStyle.CODE },
    accountRecovery: AccountRecovery.EMAIL_ONLY,
    mfa: mfaRequired ? Mfa.REQUIRED : Mfa.OPTIONAL,
    mfaSecondFactor: { otp: true, sms: false },
    passwordPolicy: {
      minLength: passwordPolicy.minLength,
      requireLowercase: passwordPolicy.requireLowercase,
      requireUppercase: passwordPolicy.requireUppercase,
      requireDigits: passwordPolicy.requireNumbers,
      requireSymbols: passwordPolicy.requireSpecialCharacters,
      tempPasswordValidity: Duration.days(3)
    },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN
  })
  Validations.of(userPool).acknowledge(
    { id: 'AwsSolutions-COG8', reason: 'Threat protection needs the Plus plan, several times the price of a user; the service limits rates itself.' },
    ...(mfaRequired ? [] : [{ id: 'AwsSolutions-COG2', reason: 'Users choose a second factor themselves; -c mfaRequired=true takes the choice from them.' }])
  )
  return userPool
}

function addClient (scope: Construct, userPool: UserPool): UserPoolClient {
  return new UserPoolClient(scope, 'AppClient', {
    userPool,
    // A page in a browser cannot keep a secret.
    generateSecret: false,
    authFlows: { userSrp: true },
    disableOAuth: true,
    preventUserExistenceErrors: true,
    enableTokenRevocation: true,
    // A client that lost the response may use the old refresh token again within this time.
    refreshTokenRotationGracePeriod: Duration.seconds(30),
    refreshTokenValidity: Duration.days(30),
    accessTokenValidity: Duration.hours(1),
    idTokenValidity: Duration.hours(1),
    // Time to set up an authenticator app while signing in.
    authSessionValidity: Duration.minutes(10),
    readAttributes: new ClientAttributes().withStandardAttributes({ email: true, emailVerified: true }),
    writeAttributes: new ClientAttributes().withStandardAttributes({ email: true })
  })
}

/**
 * The client of machines: a secret, the grant `client_credentials` and the two scopes of the service
 * (`RESOURCE_SERVER`).
 */
function addMachineClient (scope: Construct, userPool: UserPool, domainPrefix: string): UserPoolClient {
  const read = new ResourceServerScope({ scopeName: 'read', scopeDescription: 'Reads articles.' })
  const write = new ResourceServerScope({ scopeName: 'write', scopeDescription: 'Writes articles.' })
  const server = userPool.addResourceServer('ResourceServer', { identifier: 'articles', scopes: [read, write] })
  // The token endpoint is part of the pool's domain.
  const domain = userPool.addDomain('Domain', { cognitoDomain: { domainPrefix: domainName(domainPrefix) } })
  for (const kept of [server, domain]) kept.applyRemovalPolicy(RemovalPolicy.RETAIN)
  return new UserPoolClient(scope, 'MachineClient', {
    userPool,
    generateSecret: true,
    oAuth: { flows: { clientCredentials: true }, scopes: [OAuthScope.resourceServer(server, read), OAuthScope.resourceServer(server, write)] },
    accessTokenValidity: Duration.hours(1),
    preventUserExistenceErrors: true,
    enableTokenRevocation: true
  })
}

/**
 * A domain prefix is unique among all accounts of a region, so the default has the account's number in it.
 */
function domainName (domainPrefix: string): string {
  return domainPrefix === '' ? `articles-${Aws.ACCOUNT_ID}` : domainPrefix
}

function addPolicy (scope: Construct, id: string, description: string, actions: string[], resource: string): ManagedPolicy {
  return new ManagedPolicy(scope, id, { description, statements: [new PolicyStatement({ effect: Effect.ALLOW, actions, resources: [resource] })] })
}

function addOutput (scope: Construct, id: string, value: string, description: string): void {
  new CfnOutput(scope, id, { value, description }).overrideLogicalId(id)
}
