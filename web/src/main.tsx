import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { loadConfig } from './config.ts'
import { Boundary } from './parts/boundary.tsx'
import { Notice } from './parts/notice.tsx'
import { startSession } from './session.ts'
import './styles/fonts.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/parts.css'
import './styles/pages.css'

const element = document.getElementById('root')
if (element === null) throw new Error('index.html has no #root')
const root = createRoot(element)

try {
  await startSession(await loadConfig())
  root.render(<StrictMode><Boundary><App /></Boundary></StrictMode>)
} catch {
  root.render(<Unstarted />)
}

function Unstarted () {
  return (
    <main className='alone'>
      <h1>Articles</h1>
      <Notice tone='bad' title='This page could not start' action={<button className='button' onClick={() => location.reload()}>Try again</button>}>
        The service, or the user pool that it signs in with, cannot be reached. Look whether you are online.
      </Notice>
    </main>
  )
}
