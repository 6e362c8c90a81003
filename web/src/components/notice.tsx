import type { ReactNode } from 'react'

interface NoticeProps {
  tone: 'bad' | 'plain'
  title: string
  children?: ReactNode
  action?: ReactNode
}

export function Notice ({ tone, title, children, action }: NoticeProps) {
  return (
    <div className={`notice notice-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <div>
        <p className='notice-title'>{title}</p>
        {children !== undefined && <p>{children}</p>}
      </div>
      {action}
    </div>
  )
}
