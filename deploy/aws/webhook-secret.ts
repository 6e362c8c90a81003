import { SecretValue, Validations } from 'aws-cdk-lib'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'

/**
 * A secret as Standard Webhooks write it: `whsec_` and base64. Secrets Manager makes passwords, and can put nothing before
 * them but JSON; so it makes one, and CloudFormation puts `whsec_` before it in a second secret, without showing either.
 */
export class WebhookSecret extends Construct {
  /** Holds the text that POST_CONFIRMATION_SECRET takes. */
  readonly whole: Secret

  constructor (scope: Construct, id: string) {
    super(scope, id)
    const random = new Secret(this, 'Random', {
      description: 'What the secret of the Post-Confirmation webhook was made from. Nobody reads it.',
      // Letters and digits are base64, and 44 of them are 33 whole bytes, with nothing to pad.
      generateSecretString: { passwordLength: 44, excludePunctuation: true, includeSpace: false }
    })
    this.whole = new Secret(this, 'Whole', {
      description: 'POST_CONFIRMATION_SECRET: signs what the Post-Confirmation Lambda tells the service.',
      // Not plain text: a dynamic reference, which CloudFormation resolves.
      secretStringValue: SecretValue.unsafePlainText(`whsec_${random.secretValue.unsafeUnwrap()}`)
    })
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'The service reads the secret when it starts: rotated on a schedule, the Lambda would hold another one. README.md tells how it is changed.'
    })
  }
}
