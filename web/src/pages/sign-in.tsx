import { useEffect, useMemo, useRef, type ReactNode } from 'react'
import { Authenticator } from '@aws-amplify/ui-react'
import { Notice } from '../components/notice.tsx'
import { SiteFooter } from '../components/site-footer.tsx'
import { Wordmark } from '../components/wordmark.tsx'
import type { PasswordPolicy } from '../config.ts'
import { setAmplifyLanguage } from '../i18n/amplify.ts'
import type { Messages } from '../i18n/en.tsx'
import { useLanguage } from '../i18n/language.ts'
import { usePasswordRule } from '../use-password-rule.ts'
import { usePageHeading } from '../use-page-heading.ts'
import '../styles/sign-in.css'

interface SignInPageProps {
  isSignUp: boolean
  hasExpired: boolean
  passwordPolicy: PasswordPolicy
}

/** Amplify's Authenticator: sign-in, sign-up, confirmation code and forgotten password. */
export function SignInPage ({ isSignUp, hasExpired, passwordPolicy }: SignInPageProps) {
  const { code, messages } = useLanguage()
  const { app, signIn } = messages
  const heading = usePageHeading(app.signIn)
  const rule = usePasswordRule(passwordPolicy)
  const components = useMemo(() => customComponents(messages), [messages])
  const formFields = useMemo(() => customFields(rule, messages), [rule, messages])
  setAmplifyLanguage(code, passwordPolicy.minLength)

  return (
    <>
      <main className='sign-in'>
        <Wordmark />
        <h1 ref={heading} tabIndex={-1}>{hasExpired ? signIn.titleBack : signIn.title}</h1>
        {hasExpired && <Notice tone='plain' title={signIn.expired.title}>{signIn.expired.text}</Notice>}
        <Authenticator
          key={`${isSignUp} ${code}`}
          initialState={isSignUp ? 'signUp' : 'signIn'}
          loginMechanisms={['username']}
          signUpAttributes={['email']}
          components={components}
          formFields={formFields}
        />
      </main>
      <SiteFooter />
    </>
  )
}

// The levels of Amplify's own headings do not follow the heading of the page.
function customComponents ({ signIn }: Messages) {
  const header = (text: string) => ({ Header: () => <FormHeading>{text}</FormHeading> })
  return {
    SignIn: { Header: FormStart },
    ConfirmResetPassword: header(signIn.newPassword),
    ConfirmSignIn: header(signIn.enterCode),
    ConfirmSignUp: header(signIn.checkEmail),
    ForceNewPassword: header(signIn.newPassword),
    ForgotPassword: header(signIn.forgotPassword),
    SelectMfaType: header(signIn.secondFactor),
    SetupEmail: header(signIn.secondFactor),
    SetupTotp: header(signIn.secondFactor),
    VerifyUser: header(signIn.verifyContact),
    ConfirmVerifyUser: header(signIn.enterCode)
  }
}

function customFields (rule: string, { account, app, signIn }: Messages) {
  // Amplify passes every option to its password field, also those that its type does not name.
  const labels = { isRequired: true, showPasswordButtonLabel: signIn.showPassword, passwordIsShownLabel: signIn.passwordShown, passwordIsHiddenLabel: signIn.passwordHidden }
  const signUpPassword = { ...labels, descriptiveText: rule, title: rule }
  const newPassword = { ...signUpPassword, label: account.newPassword, placeholder: '' }
  return {
    signIn: { password: labels },
    signUp: { password: signUpPassword, confirm_password: labels },
    forceNewPassword: { password: newPassword, confirm_password: labels },
    confirmResetPassword: { password: newPassword, confirm_password: labels },
    setupTotp: { QR: { totpIssuer: app.name } }
  }
}

/** The heading of a form that has replaced the one with the focus. */
function FormHeading ({ children }: { children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  return <h2 ref={heading} tabIndex={-1}>{children}</h2>
}

/** The sign-in form needs no heading. After another form, its first field gets the focus. */
function FormStart () {
  const start = useRef<HTMLSpanElement>(null)
  useEffect(() => {
    if (document.activeElement === document.body) start.current?.closest('main')?.querySelector('input')?.focus()
  }, [])
  return <span ref={start} hidden />
}
