import { useSyncExternalStore } from 'react'
import { en, type Messages } from './en.tsx'

/** The languages, each under its own name. */
export const languageNames = { en: 'English', de: 'Deutsch', fr: 'Français' }

export type LanguageCode = keyof typeof languageNames

export interface Language {
  code: LanguageCode
  /** The full tag, such as `en-GB`: dates and numbers follow it. */
  tag: string
  messages: Messages
}

const storageKey = 'language'

// English is in the main bundle. The others are loaded on demand.
const catalogues: Record<LanguageCode, () => Promise<Messages>> = {
  en: async () => en,
  de: async () => (await import('./de.tsx')).de,
  fr: async () => (await import('./fr.tsx')).fr
}

let language: Language = { code: 'en', tag: 'en', messages: en }
const listeners = new Set<() => void>()

/** Loads the language that the reader has chosen, or the first of the browser's that is available. */
export async function startLanguage (): Promise<void> {
  const wanted = [localStorage.getItem(storageKey), ...navigator.languages].map(baseOf).find(isAvailable)
  // Without its catalogue the page stays in English.
  await loadLanguage(wanted ?? 'en').catch(() => {})
}

/** @throws if the catalogue cannot be loaded */
export async function chooseLanguage (code: LanguageCode): Promise<void> {
  await loadLanguage(code)
  localStorage.setItem(storageKey, code)
}

export function useLanguage (): Language {
  return useSyncExternalStore(listen, () => language)
}

export function useMessages (): Messages {
  return useLanguage().messages
}

export function isAvailable (code: string): code is LanguageCode {
  return Object.hasOwn(languageNames, code)
}

async function loadLanguage (code: LanguageCode): Promise<void> {
  const messages = await catalogues[code]()
  // The browser's own variant, such as de-AT, decides the formats.
  const tag = navigator.languages.find(tag => baseOf(tag) === code) ?? code
  language = { code, tag, messages }
  document.documentElement.lang = tag
  for (const listener of listeners) listener()
}

function baseOf (tag: string | null): string {
  return tag?.split('-', 1)[0]?.toLowerCase() ?? ''
}

function listen (listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
