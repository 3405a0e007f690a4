import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { Router } from 'wouter'
import { Gate } from '../access/Gate.tsx'
import { base } from '../data/base.ts'
import { queries } from '../data/queries.ts'
import { theme, variables } from '../theme/theme.ts'
import { Routes } from './Routes.tsx'
import { Shell } from './Shell.tsx'

export function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Router base={base}>
          <Gate>
            <Shell>
              <Routes />
            </Shell>
          </Gate>
        </Router>
      </QueryClientProvider>
    </MantineProvider>
  )
}
