/** Setup of tests that run on every version of PostgreSQL on this machine. */
export { setupEvery as setup, teardown } from './postgres-server.ts'
