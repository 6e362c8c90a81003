import { translations } from '@aws-amplify/ui-react'
import { I18n } from 'aws-amplify/utils'
import type { LanguageCode } from './language.ts'

// Texts of the sign-in form and of Cognito that Amplify's own vocabularies lack, or translate badly.
const additions: Record<Exclude<LanguageCode, 'en'>, Record<string, string>> = {
  de: {
    'Account recovery requires verified contact information': 'Zum Zurücksetzen des Passworts brauchen Sie bestätigte Kontaktdaten',
    'Create Account': 'Konto erstellen',
    'Creating Account': 'Konto wird erstellt',
    'Forgot your password?': 'Passwort vergessen?',
    'Reset your password': 'Passwort zurücksetzen',
    'Enter your username': 'Geben Sie Ihren Benutzernamen ein',
    'Your passwords must match': 'Die Passwörter stimmen nicht überein',
    'Password must have at least {length} characters': 'Das Passwort braucht mindestens {length} Zeichen',
    'Password must have lower case letters': 'Das Passwort braucht Kleinbuchstaben',
    'Password must have upper case letters': 'Das Passwort braucht Großbuchstaben',
    'Password must have numbers': 'Das Passwort braucht Ziffern',
    'Password must have special characters': 'Das Passwort braucht Sonderzeichen',
    'User does not exist.': 'Diesen Benutzer gibt es nicht.',
    'User is disabled.': 'Dieser Zugang ist gesperrt.',
    'Invalid verification code provided, please try again.': 'Der Code ist falsch. Versuchen Sie es erneut.',
    'Incorrect code': 'Der Code ist falsch. Versuchen Sie es erneut.',
    'Attempt limit exceeded, please try after some time.': 'Zu viele Versuche. Versuchen Sie es später.',
    'A network error has occurred.': 'Die Benutzerverwaltung ist nicht erreichbar. Prüfen Sie Ihre Verbindung.',
    Copied: 'Kopiert',
    COPY: 'KOPIEREN'
  },
  fr: {
    'Account recovery requires verified contact information': 'La récupération du compte demande des coordonnées vérifiées',
    'Enter your username': 'Saisissez votre nom d’utilisateur',
    'Your passwords must match': 'Les mots de passe ne correspondent pas',
    'Password must have at least {length} characters': 'Le mot de passe doit contenir au moins {length} caractères',
    'Password must have lower case letters': 'Le mot de passe doit contenir des minuscules',
    'Password must have upper case letters': 'Le mot de passe doit contenir des majuscules',
    'Password must have numbers': 'Le mot de passe doit contenir des chiffres',
    'Password must have special characters': 'Le mot de passe doit contenir des symboles',
    'User does not exist.': 'Cet utilisateur n’existe pas.',
    'User is disabled.': 'Cet accès est désactivé.',
    'Incorrect username or password.': 'Nom d’utilisateur ou mot de passe incorrect.',
    'User already exists': 'Cet utilisateur existe déjà',
    'Invalid verification code provided, please try again.': 'Le code est incorrect. Réessayez.',
    'Incorrect code': 'Le code est incorrect. Réessayez.',
    'Attempt limit exceeded, please try after some time.': 'Trop de tentatives. Réessayez plus tard.',
    'A network error has occurred.': 'L’annuaire des comptes est injoignable. Vérifiez votre connexion.',
    Copied: 'Copié',
    COPY: 'COPIER'
  }
}

I18n.putVocabularies(translations)

/** Sets the language of the sign-in form. */
export function setAmplifyLanguage (code: LanguageCode, minLength: number): void {
  if (code !== 'en') {
    const texts = Object.entries(additions[code]).map(([key, text]) => [key, text].map(part => part.replace('{length}', `${minLength}`)))
    I18n.putVocabulariesForLanguage(code, Object.fromEntries(texts))
  }
  I18n.setLanguage(code)
}
