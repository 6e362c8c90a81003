import { Component, type ReactNode } from 'react'
import { useMessages } from '../i18n/language.ts'
import { Notice } from './notice.tsx'

/** Shows a notice if a page throws or its code does not load. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false }

  static getDerivedStateFromError (): { hasFailed: boolean } {
    return { hasFailed: true }
  }

  override render (): ReactNode {
    return this.state.hasFailed ? <LoadFailure reason='noPage' /> : this.props.children
  }
}

/** The page shown when the app did not start or has failed. */
export function LoadFailure ({ reason }: { reason: 'noStart' | 'noPage' }) {
  const { app, errors } = useMessages()
  const { title, text } = errors[reason]
  return (
    <main className='alone'>
      <h1>{app.name}</h1>
      <Notice tone='bad' title={title} action={<button className='button' onClick={() => location.reload()}>{errors.reload}</button>}>{text}</Notice>
    </main>
  )
}
