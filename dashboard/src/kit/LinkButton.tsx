import { Button, type ButtonProps } from '@mantine/core'
import type { ReactNode } from 'react'
import { Link } from 'wouter'

/** Looks like a button, and is a link within the page: it can be opened in another tab. */
export function LinkButton({
  to,
  children,
  ...props
}: ButtonProps & Readonly<{ to: string; children: ReactNode }>) {
  return (
    <Button component={Link} href={to} {...props}>
      {children}
    </Button>
  )
}
