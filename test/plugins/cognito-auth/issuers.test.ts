import t from 'tap'
import { listIssuers } from '../../../plugins/cognito-auth/issuers.ts'

t.test('listIssuers names both issuers that a pool on AWS may have, by its region', async t => {
  t.strictSame(listIssuers({ userPoolIds: ['ap-southeast-2_Abc123XyZ'] }), [
    {
      name: 'https://cognito-idp.ap-southeast-2.amazonaws.com/ap-southeast-2_Abc123XyZ',
      userPoolId: 'ap-southeast-2_Abc123XyZ',
      original: 'https://cognito-idp.ap-southeast-2.amazonaws.com/ap-southeast-2_Abc123XyZ',
      jwksUri: 'https://cognito-idp.ap-southeast-2.amazonaws.com/ap-southeast-2_Abc123XyZ/.well-known/jwks.json',
      optional: false
    },
    {
      name: 'https://issuer-cognito-idp.ap-southeast-2.amazonaws.com/ap-southeast-2_Abc123XyZ',
      userPoolId: 'ap-southeast-2_Abc123XyZ',
      original: 'https://cognito-idp.ap-southeast-2.amazonaws.com/ap-southeast-2_Abc123XyZ',
      jwksUri: 'https://issuer-cognito-idp.ap-southeast-2.amazonaws.com/ap-southeast-2_Abc123XyZ/.well-known/jwks.json',
      optional: true
    }
  ])
})

t.test('listIssuers names the one issuer of a pool at another endpoint', async t => {
  const issuers = listIssuers({ userPoolIds: ['local_1', 'local_2'], endpoint: 'http://127.0.0.1:9229/cognito' })
  t.strictSame(issuers, ['local_1', 'local_2'].map(userPoolId => ({
    name: `http://127.0.0.1:9229/cognito/${userPoolId}`,
    userPoolId,
    original: `http://127.0.0.1:9229/cognito/${userPoolId}`,
    jwksUri: `http://127.0.0.1:9229/cognito/${userPoolId}/.well-known/jwks.json`,
    optional: false
  })))
})

t.test('listIssuers puts the pool into the address of the keys, and leaves the issuer as it is', async t => {
  const issuers = listIssuers({ userPoolIds: ['eu-west-1_A', 'us-east-1_B'], jwksUri: 'https://keys.example.com/{pool}/{pool}.json' })
  t.strictSame(issuers.map(({ name, jwksUri }) => [name, jwksUri]), [
    ['https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A', 'https://keys.example.com/eu-west-1_A/eu-west-1_A.json'],
    ['https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A', 'https://keys.example.com/eu-west-1_A/eu-west-1_A.json'],
    ['https://cognito-idp.us-east-1.amazonaws.com/us-east-1_B', 'https://keys.example.com/us-east-1_B/us-east-1_B.json'],
    ['https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_B', 'https://keys.example.com/us-east-1_B/us-east-1_B.json']
  ])
})
