import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { compress } from './compress.ts'
import { frameFirst } from './frame-first.ts'
import { mantineStyles } from './mantine-styles.ts'

/** The server for the API and its reference during development. */
const server = process.env['FERMATA_URL'] ?? 'http://127.0.0.1:8000'
const proxy = Object.fromEntries(
  ['/api', '/docs', '/redoc', '/openapi.json', '/healthz', '/readyz'].map((path) => [
    path,
    { target: server },
  ]),
)

export default defineConfig(({ command }) => {
  // A build is the one for users, also below a runner of tests, which sets another environment.
  if (command === 'build') process.env['NODE_ENV'] = 'production'
  return {
    // The server rewrites asset URLs for each page.
    base: './',
    plugins: [react(), mantineStyles(), frameFirst(), compress()],
    build: {
      target: 'es2023',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
    server: { host: '127.0.0.1', proxy },
    preview: { host: '127.0.0.1', proxy },
  }
})
