import { CognitoError } from 'cognito-local/lib/errors.js'
import { passwordPolicy } from '../../src/cognito/password-policy.ts'

/** @throws {CognitoError} if the password breaks the pool's policy */
export function checkPassword (password: string): void {
  const { minLength, requireLowercase, requireUppercase, requireNumbers, requireSpecialCharacters } = passwordPolicy
  const rules: Array<[isBroken: boolean, message: string]> = [
    [password.length < minLength || password.length > 256, 'Password not long enough'],
    [requireLowercase && !/[a-z]/.test(password), 'Password must have lowercase characters'],
    [requireUppercase && !/[A-Z]/.test(password), 'Password must have uppercase characters'],
    [requireNumbers && !/[0-9]/.test(password), 'Password must have numeric characters'],
    [requireSpecialCharacters && !/[^A-Za-z0-9]/.test(password), 'Password must have symbol characters']
  ]
  const broken = rules.find(([isBroken]) => isBroken)
  if (broken !== undefined) throw new CognitoError('InvalidPasswordException', `Password did not conform with policy: ${broken[1]}`)
}
