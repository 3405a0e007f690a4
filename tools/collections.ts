import { httpFile } from './collections/http-file.ts'
import { postmanCollection } from './collections/postman.ts'
import { keep } from './derived/files.ts'

/**
 * Requests for every API call, for Postman and for REST clients in editors. `node tools/collections.ts` writes them from the
 * contract; with `--check` it only compares.
 */
keep({
  'postman-collection/fermata.postman_collection.json': postmanCollection,
  'test_api.http': httpFile,
})
