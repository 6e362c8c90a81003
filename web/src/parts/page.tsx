import { useEffect, useRef, type ReactNode } from 'react'

interface PageProps {
  title: string
  intro?: string
  children: ReactNode
}

let isFirst = true

/** A page of the app: it names the tab, and whoever came from another one begins at its heading. */
export function Page ({ title, intro, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null)

  useEffect(() => {
    document.title = `${title} · Articles`
    if (!isFirst) heading.current?.focus()
    isFirst = false
  }, [title])

  return (
    <>
      <div className='page-head'>
        <h1 ref={heading} tabIndex={-1}>{title}</h1>
        {intro !== undefined && <p className='intro'>{intro}</p>}
      </div>
      {children}
    </>
  )
}
