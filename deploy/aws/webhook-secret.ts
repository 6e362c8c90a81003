import { SecretValue, Validations } from 'aws-cdk-lib'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'

/**
 * A secret in the form of Standard Webhooks: `whsec_` and base64. Secrets Manager generates passwords but
 * cannot add a prefix to them. So one secret is generated, and CloudFormation writes `whsec_` and its value
 * into a second one. Neither value appears in the template.
 */
export class WebhookSecret extends Construct {
  /** Holds the value of POST_CONFIRMATION_SECRET. */
  readonly whole: Secret

  constructor (scope: Construct, id: string) {
    super(scope, id)
    const random = new Secret(this, 'Random', {
      description: 'What the secret of the Post-Confirmation webhook was made from. Nobody reads it.',
      // 44 letters and digits are base64 for 33 bytes, without padding.
      generateSecretString: { passwordLength: 44, excludePunctuation: true, includeSpace: false }
    })
    this.whole = new Secret(this, 'Whole', {
      description: 'POST_CONFIRMATION_SECRET: signs what the Post-Confirmation Lambda tells the service.',
      // The text is a dynamic reference, which CloudFormation resolves.
      secretStringValue: SecretValue.unsafePlainText(`whsec_${random.secretValue.unsafeUnwrap()}`)
    })
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'The service reads the secret at start-up, so a scheduled rotation would break the webhook. README.md says how to change it.'
    })
  }
}
