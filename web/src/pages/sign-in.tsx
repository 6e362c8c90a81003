import { useEffect, type JSX } from 'react'
import { Authenticator } from '@aws-amplify/ui-react'
import { Notice } from '../parts/notice.tsx'
import { Wordmark } from '../parts/wordmark.tsx'
import '../styles/sign-in.css'

interface SignInPageProps {
  signUp: boolean
  sessionOver: boolean
}

/** Amplify's Authenticator: signing in and up, the e-mailed code, the forgotten password. */
export function SignInPage ({ signUp, sessionOver }: SignInPageProps) {
  useEffect(() => { document.title = 'Sign in · Articles' }, [])
  return (
    <main className='sign-in'>
      <Wordmark />
      <h1>{sessionOver ? 'Welcome back' : 'Your account'}</h1>
      {sessionOver && <Notice tone='plain' title='Your session is over'>Sign in again to go on where you were. What you were writing is kept.</Notice>}
      <Authenticator
        key={`${signUp}`}
        initialState={signUp ? 'signUp' : 'signIn'}
        loginMechanisms={['username']}
        signUpAttributes={['email']}
        components={headings}
      />
    </main>
  )
}

// Amplify's own are of the third and fourth level, under our first.
const headings = {
  ConfirmResetPassword: heading('Set a new password'),
  ConfirmSignIn: heading('Enter your code'),
  ConfirmSignUp: heading('Look into your mail'),
  ForceNewPassword: heading('Set a password of your own'),
  ForgotPassword: heading('Forgotten password'),
  SelectMfaType: heading('A second factor'),
  SetupEmail: heading('A second factor'),
  SetupTotp: heading('A second factor'),
  VerifyUser: heading('Verify how you are reached'),
  ConfirmVerifyUser: heading('Enter your code')
}

function heading (text: string): { Header: () => JSX.Element } {
  return { Header: () => <h2>{text}</h2> }
}
