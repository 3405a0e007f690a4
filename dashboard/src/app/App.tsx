import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { queries } from '../data/queries.ts'
import { theme, variables } from '../theme/theme.ts'
import { Routes } from './Routes.tsx'
import { Shell } from './Shell.tsx'

export function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Shell>
          <Routes />
        </Shell>
      </QueryClientProvider>
    </MantineProvider>
  )
}
