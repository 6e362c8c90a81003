import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { Match } from 'aws-cdk-lib/assertions'
import { idOf, synthesise } from './template.ts'

const pool = 'AWS::Cognito::UserPool'
const client = 'AWS::Cognito::UserPoolClient'
const lambda = 'AWS::Lambda::Function'
const secret = 'AWS::SecretsManager::Secret'
const policy = 'AWS::IAM::ManagedPolicy'

test('users sign in with their e-mail address as well as with the username that they chose, in any case', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties(pool, {
    AliasAttributes: ['email'],
    UsernameAttributes: Match.absent(),
    UsernameConfiguration: { CaseSensitive: false },
    AdminCreateUserConfig: { AllowAdminCreateUserOnly: false }
  })
})

test('an e-mail address is required and verified by a code, also the one it is changed to', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties(pool, {
    Schema: [{ Name: 'email', Required: true, Mutable: true }],
    AutoVerifiedAttributes: ['email'],
    VerificationMessageTemplate: { DefaultEmailOption: 'CONFIRM_WITH_CODE' },
    UserAttributeUpdateSettings: { AttributesRequireVerificationBeforeUpdate: ['email'] }
  })
})

test('a forgotten password is set anew by the verified e-mail address alone', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties(pool, { AccountRecoverySetting: { RecoveryMechanisms: [{ Name: 'verified_email', Priority: 1 }] } })
})

test('a second factor is optional, or required where that is asked for, and never an SMS', t => {
  for (const [mfaRequired, configuration] of [[undefined, 'OPTIONAL'], ['false', 'OPTIONAL'], ['true', 'ON'], [true, 'ON']]) {
    const { template } = synthesise(t, { mfaRequired })
    template.hasResourceProperties(pool, { MfaConfiguration: configuration, EnabledMfas: ['SOFTWARE_TOKEN_MFA'], SmsConfiguration: Match.absent() })
  }
})

test('passwords have 12 characters of four kinds; a temporary one is good for three days', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties(pool, {
    Policies: { PasswordPolicy: { MinimumLength: 12, RequireLowercase: true, RequireUppercase: true, RequireNumbers: true, RequireSymbols: true, TemporaryPasswordValidityDays: 3 } }
  })
})

test('the pool is protected from deletion', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties(pool, { DeletionProtection: 'ACTIVE', UserPoolTier: 'ESSENTIALS' })
})

test('the pool and all that belongs to it stay when the stack is deleted or the resource replaced', t => {
  const { template } = synthesise(t)
  const counts = { [pool]: 1, [client]: 2, 'AWS::Cognito::UserPoolGroup': 1, 'AWS::Cognito::UserPoolResourceServer': 1, 'AWS::Cognito::UserPoolDomain': 1 }
  for (const [type, count] of Object.entries(counts)) {
    template.resourceCountIs(type, count)
    template.allResources(type, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
  }
})

test('the stack is protected from deletion', t => {
  const { folder } = synthesise(t)
  const { artifacts } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  assert.equal(artifacts['articles-users'].properties.terminationProtection, true)
})

test('the app client has no secret, no hosted pages, and signs in by SRP alone', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties(client, {
    UserPoolId: { Ref: idOf(template, pool) },
    GenerateSecret: false,
    ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH'],
    AllowedOAuthFlowsUserPoolClient: false,
    AllowedOAuthFlows: Match.absent(),
    CallbackURLs: Match.absent(),
    SupportedIdentityProviders: ['COGNITO']
  })
})

test('the machine client has a secret, the grant client_credentials and the scopes of the service', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties('AWS::Cognito::UserPoolResourceServer', {
    Identifier: 'articles',
    Scopes: [{ ScopeName: 'read' }, { ScopeName: 'write' }]
  })
  const server = { Ref: idOf(template, 'AWS::Cognito::UserPoolResourceServer') }
  template.hasResourceProperties(client, {
    GenerateSecret: true,
    AllowedOAuthFlows: ['client_credentials'],
    AllowedOAuthFlowsUserPoolClient: true,
    AllowedOAuthScopes: ['read', 'write'].map(scope => ({ 'Fn::Join': ['', [server, `/${scope}`]] })),
    ExplicitAuthFlows: Match.absent(),
    CallbackURLs: Match.absent()
  })
})

test('the domain of the token endpoint has the prefix that was asked for, or the number of the account', t => {
  for (const [context, prefix] of [[{}, { 'Fn::Join': ['', ['articles-', { Ref: 'AWS::AccountId' }]] }], [{ domainPrefix: 'our-articles' }, 'our-articles']] as const) {
    const { template } = synthesise(t, context)
    template.hasResourceProperties('AWS::Cognito::UserPoolDomain', { Domain: prefix })
  }
})

test('refresh tokens rotate and can be revoked', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties(client, { EnableTokenRevocation: true, RefreshTokenRotation: { Feature: 'ENABLED', RetryGracePeriodSeconds: 30 } })
})

test('id and access tokens are good for an hour, refresh tokens for thirty days, a sign-in for ten minutes', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties(client, {
    IdTokenValidity: 60,
    AccessTokenValidity: 60,
    RefreshTokenValidity: 30 * 24 * 60,
    TokenValidityUnits: { IdToken: 'minutes', AccessToken: 'minutes', RefreshToken: 'minutes' },
    AuthSessionValidity: 10
  })
})

test('the app client does not tell who exists, and writes the e-mail address alone', t => {
  const { template } = synthesise(t)
  template.hasResourceProperties(client, { PreventUserExistenceErrors: 'ENABLED', ReadAttributes: ['email', 'email_verified'], WriteAttributes: ['email'] })
})

test("the administrators' group is named as asked for", t => {
  for (const [adminGroup, name] of [[undefined, 'admin'], ['editors', 'editors']]) {
    const { template } = synthesise(t, { adminGroup })
    template.hasResourceProperties('AWS::Cognito::UserPoolGroup', { GroupName: name, UserPoolId: { Ref: idOf(template, pool) } })
    template.hasOutput('AdminGroupName', { Value: name })
  }
})

test('the pool calls the Lambda once a user is confirmed, and is the only one that may', t => {
  const { template } = synthesise(t)
  const arn = { 'Fn::GetAtt': [idOf(template, lambda), 'Arn'] }
  template.hasResourceProperties(pool, { LambdaConfig: { PostConfirmation: arn } })
  template.resourceCountIs('AWS::Lambda::Permission', 1)
  template.resourceCountIs('AWS::Lambda::Url', 0)
  template.hasResourceProperties('AWS::Lambda::Permission', {
    Action: 'lambda:InvokeFunction',
    FunctionName: arn,
    Principal: 'cognito-idp.amazonaws.com',
    SourceArn: { 'Fn::GetAtt': [idOf(template, pool), 'Arn'] }
  })
})

test('the Lambda runs on Node 24 and arm64, for as long as Cognito waits', t => {
  const { template } = synthesise(t)
  template.resourceCountIs(lambda, 1)
  template.hasResourceProperties(lambda, { Runtime: 'nodejs24.x', Architectures: ['arm64'], Timeout: 5, MemorySize: 512, Handler: 'index.handler' })
})

test('the Lambda is told where the service and the secret are, but not the secret', t => {
  for (const [context, url, required] of [
    [{}, 'https://articles.example.com', 'false'],
    [{ serviceUrl: 'https://example.com/api/', confirmationRequired: 'true' }, 'https://example.com/api', 'true']
  ] as const) {
    const { template } = synthesise(t, context)
    const [{ Properties } = { Properties: {} }] = Object.values(template.findResources(lambda))
    assert.deepEqual(Properties.Environment.Variables, {
      POST_CONFIRMATION_URL: `${url}/cognito/post-confirmation`,
      POST_CONFIRMATION_REQUIRED: required,
      POST_CONFIRMATION_SECRET_ARN: { Ref: idOf(template, secret, 'POST_CONFIRMATION_SECRET') }
    })
  }
})

test('the Lambda may write its log and read its secret, and nothing else', t => {
  const { template } = synthesise(t)
  const [roleId = ''] = Object.keys(template.findResources('AWS::IAM::Role'))
  template.resourceCountIs('AWS::IAM::Role', 1)
  template.hasResourceProperties('AWS::IAM::Role', {
    AssumeRolePolicyDocument: { Statement: [{ Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } }] },
    ManagedPolicyArns: Match.absent(),
    Policies: Match.absent()
  })
  template.hasResourceProperties(lambda, { Role: { 'Fn::GetAtt': [roleId, 'Arn'] } })
  template.resourceCountIs('AWS::IAM::Policy', 1)
  const [{ Properties } = { Properties: {} }] = Object.values(template.findResources('AWS::IAM::Policy'))
  assert.deepEqual(Properties.Roles, [{ Ref: roleId }])
  assert.deepEqual(Properties.PolicyDocument.Statement, [
    { Effect: 'Allow', Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: { 'Fn::GetAtt': [idOf(template, 'AWS::Logs::LogGroup'), 'Arn'] } },
    { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: { Ref: idOf(template, secret, 'POST_CONFIRMATION_SECRET') } }
  ])
})

test("the Lambda's log is its own and kept for ninety days", t => {
  const { template } = synthesise(t)
  template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 90 })
  template.hasResourceProperties(lambda, { LoggingConfig: { LogGroup: { Ref: idOf(template, 'AWS::Logs::LogGroup') } } })
})

test('the secret is made by Secrets Manager, put together by CloudFormation, and stands nowhere in the template', t => {
  const { template } = synthesise(t)
  template.resourceCountIs(secret, 2)
  const random = idOf(template, secret, 'What the secret')
  const resources = template.findResources(secret)
  assert.deepEqual(resources[random]?.Properties.GenerateSecretString, { PasswordLength: 44, ExcludePunctuation: true, IncludeSpace: false })
  const { SecretString, GenerateSecretString } = resources[idOf(template, secret, 'POST_CONFIRMATION_SECRET')]?.Properties ?? {}
  assert.deepEqual(SecretString, { 'Fn::Join': ['', ['whsec_{{resolve:secretsmanager:', { Ref: random }, ':SecretString:::}}']] })
  assert.equal(GenerateSecretString, undefined)
  assert.doesNotMatch(JSON.stringify(template.toJSON()), /whsec_[A-Za-z0-9+/]/)
})

test('the service may do in this pool what it does, and nothing else', t => {
  const { template } = synthesise(t)
  template.resourceCountIs(policy, 2)
  const { PolicyDocument } = template.findResources(policy)[idOf(template, policy, 'What the service asks')]?.Properties ?? {}
  assert.deepEqual(PolicyDocument.Statement, [{
    Effect: 'Allow',
    Action: commands().map(command => `cognito-idp:${command}`),
    Resource: { 'Fn::GetAtt': [idOf(template, pool), 'Arn'] }
  }])
})

/** The commands that the service sends to Cognito, read from its source. */
function commands (): string[] {
  const source = readFileSync(new URL('../../../src/cognito/user-pool-client.ts', import.meta.url), 'utf8')
  return Array.from(source.matchAll(/new (\w+)Command\(/g), ([, name = '']) => name)
}

test('what starts the service may read the secret, and nothing else', t => {
  const { template } = synthesise(t)
  const { PolicyDocument } = template.findResources(policy)[idOf(template, policy, 'Reads POST_CONFIRMATION_SECRET')]?.Properties ?? {}
  assert.deepEqual(PolicyDocument.Statement, [{
    Effect: 'Allow',
    Action: 'secretsmanager:GetSecretValue',
    Resource: { Ref: idOf(template, secret, 'POST_CONFIRMATION_SECRET') }
  }])
})

test('the outputs are what the service is to be told', t => {
  const { template } = synthesise(t)
  const outputs = Object.entries(template.toJSON().Outputs).map(([name, output]) => [name, Object(output).Value])
  const [page, machine] = [false, true].map(GenerateSecret => ({ Ref: Object.keys(template.findResources(client, { Properties: { GenerateSecret } }))[0] }))
  assert.deepEqual(Object.fromEntries(outputs), {
    AwsUserPoolsId: { Ref: idOf(template, pool) },
    AwsAppClientId: { 'Fn::Join': [',', [page, machine]] },
    MachineClientId: machine,
    TokenEndpoint: { 'Fn::Join': ['', ['https://articles-', { Ref: 'AWS::AccountId' }, '.auth.', { Ref: 'AWS::Region' }, '.amazoncognito.com/oauth2/token']] },
    AdminGroupName: 'admin',
    PostConfirmationSecretArn: { Ref: idOf(template, secret, 'POST_CONFIRMATION_SECRET') },
    Region: { Ref: 'AWS::Region' },
    ServicePolicyArn: { Ref: idOf(template, policy, 'What the service asks') },
    SecretPolicyArn: { Ref: idOf(template, policy, 'Reads POST_CONFIRMATION_SECRET') }
  })
})

test('cdk-nag finds nothing that is not accounted for, not even to warn of', t => {
  for (const mfaRequired of ['false', 'true']) {
    const { folder } = synthesise(t, { mfaRequired })
    const { pluginReports } = JSON.parse(readFileSync(join(folder, 'validation-report.json'), 'utf8'))
    assert.deepEqual(pluginReports, [])
  }
})
