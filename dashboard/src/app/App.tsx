import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { useLayoutEffect } from 'react'
import { Router } from 'wouter'
import { Gate } from '../access/Gate.tsx'
import { base } from '../data/base.ts'
import { queries } from '../data/queries.ts'
import { Boundary } from '../kit/Boundary.tsx'
import { theme, variables } from '../theme/theme.ts'
import { BrokenPage } from './BrokenPage.tsx'
import { Routes } from './Routes.tsx'
import { Shell } from './Shell.tsx'

export function App() {
  // The frame that `index.html` shows until now.
  useLayoutEffect(() => document.querySelector('.early')?.remove(), [])
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Router base={base}>
          <Boundary fallback={(error, retry) => <BrokenPage error={error} retry={retry} />}>
            <Gate>
              <Shell>
                <Routes />
              </Shell>
            </Gate>
          </Boundary>
        </Router>
      </QueryClientProvider>
    </MantineProvider>
  )
}
