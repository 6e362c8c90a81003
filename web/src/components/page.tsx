import type { ReactNode } from 'react'
import { usePageHeading } from '../use-page-heading.ts'

interface PageProps {
  title: string
  /** The heading, if it is more than the title. */
  heading?: ReactNode
  intro?: string
  children: ReactNode
}

/** A page for people who are signed in. */
export function Page ({ title, heading = title, intro, children }: PageProps) {
  const ref = usePageHeading(title)
  return (
    <>
      <div className='page-head'>
        <h1 ref={ref} tabIndex={-1}>{heading}</h1>
        {intro !== undefined && <p className='intro'>{intro}</p>}
      </div>
      {children}
    </>
  )
}
