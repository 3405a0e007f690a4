import { createHash, randomBytes } from 'node:crypto'

/** 192 random bits. */
export function newToken(): string {
  return `wait_${randomBytes(24).toString('base64url')}`
}

/** What is stored of a token to find its wait by. */
export function tokenHashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
