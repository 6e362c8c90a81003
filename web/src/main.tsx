import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { ErrorBoundary, LoadFailure } from './components/error-boundary.tsx'
import { loadConfig } from './config.ts'
import { startLanguage } from './i18n/language.ts'
import { startSession } from './session.ts'
import './styles/fonts.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/components.css'
import './styles/pages.css'

const element = document.getElementById('root')
if (element === null) throw new Error('index.html has no #root')
const root = createRoot(element)

const language = startLanguage()
try {
  const config = await loadConfig()
  await startSession(config)
  await language
  root.render(<StrictMode><ErrorBoundary><App config={config} /></ErrorBoundary></StrictMode>)
} catch {
  await language
  root.render(<LoadFailure reason='noStart' />)
}
