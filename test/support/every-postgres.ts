/** Set-up of the tests that run on every version of PostgreSQL that is on this machine. */
export { setupEvery as setup, teardown } from './postgres-server.ts'
