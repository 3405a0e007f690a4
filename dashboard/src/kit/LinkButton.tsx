import { Button, type ButtonProps } from '@mantine/core'
import type { ReactNode } from 'react'
import { Link } from 'wouter'

/** A link within the page that looks like a button, so it can be opened in a new tab. */
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
