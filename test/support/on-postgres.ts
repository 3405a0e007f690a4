import { basename } from 'node:path'
import { inject } from 'vitest'
import { TestServer } from './server.ts'

/** For a project whose tests run on PostgreSQL: the folder of a server determines its schema. */
TestServer.databaseIn = (directory) => `${inject('postgres')}?schema=${basename(directory)}&lease=20`
