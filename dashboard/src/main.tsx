import './language/say.ts'
import './theme/mantine.ts'
import './theme/page.css'
import { createRoot } from 'react-dom/client'
import { App } from './app/App.tsx'

const root = document.querySelector('#root')
if (root === null) throw new Error('index.html has no #root')
createRoot(root).render(<App />)
