import { fileURLToPath } from 'node:url'
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Architecture, Runtime } from 'aws-cdk-lib/aws-lambda'
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import type { Settings } from './settings.ts'

interface PostConfirmationFunctionProps extends Pick<Settings, 'serviceUrl' | 'confirmationRequired'> {
  secret: ISecret
}

/** The Lambda. Its role may write its log and read its secret. */
export class PostConfirmationFunction extends Construct {
  readonly lambda: NodejsFunction

  constructor (scope: Construct, id: string, { serviceUrl, confirmationRequired, secret }: PostConfirmationFunctionProps) {
    super(scope, id)
    const logGroup = new LogGroup(this, 'Log', { retention: RetentionDays.THREE_MONTHS, removalPolicy: RemovalPolicy.DESTROY })
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    logGroup.grantWrite(role)
    role.addToPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions: ['secretsmanager:GetSecretValue'], resources: [secret.secretArn] }))

    this.lambda = new NodejsFunction(this, 'Lambda', {
      description: 'Tells the service of articles who has signed up.',
      entry: fileURLToPath(new URL('post-confirmation-lambda.ts', import.meta.url)),
      projectRoot: fileURLToPath(new URL('.', import.meta.url)),
      depsLockFilePath: fileURLToPath(new URL('package-lock.json', import.meta.url)),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: 512,
      // Cognito waits five seconds.
      timeout: Duration.seconds(5),
      role,
      logGroup,
      environment: {
        POST_CONFIRMATION_URL: `${serviceUrl}/cognito/post-confirmation`,
        POST_CONFIRMATION_REQUIRED: `${confirmationRequired}`,
        POST_CONFIRMATION_SECRET_ARN: secret.secretArn
      },
      awsSdkConnectionReuse: false,
      bundling: {
        format: OutputFormat.ESM,
        target: 'node24',
        minify: true,
        mainFields: ['module', 'main'],
        // The SDK is bundled, so that the tested version runs.
        bundleAwsSDK: true
      }
    })
  }
}
