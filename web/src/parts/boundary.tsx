import { Component, type ReactNode } from 'react'
import { Notice } from './notice.tsx'

/** Where a page fails, or its part of the program does not arrive, the rest says so. */
export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false }

  static getDerivedStateFromError (): { failed: boolean } {
    return { failed: true }
  }

  override render (): ReactNode {
    if (!this.state.failed) return this.props.children
    return (
      <main className='alone'>
        <h1>Articles</h1>
        <Notice tone='bad' title='This page did not load' action={<button className='button' onClick={() => location.reload()}>Load it again</button>}>
          A part of it did not arrive, or failed. What you had written is kept.
        </Notice>
      </main>
    )
  }
}
