import { describe, expect, test } from 'vitest'
import { DatabaseInvalid } from './core/errors.ts'
import { checkAddress } from './database.ts'

describe('a valid address', () => {
  test.each([
    'sqlite:./fermata.db',
    'sqlite:/var/lib/fermata/a.db',
    'sqlite:data/my tasks #1.db',
    'sqlite::memory:',
    'postgres://localhost',
    'postgresql://ada:p%40ss@db:5433/tasks?sslmode=require',
    'postgres://ada:p@ss@db/tasks',
    'postgres://one:5432,two,[::1]:5433/tasks?schema=mine&lease=2.5&target_session_attrs=read-write',
    'postgres://ada@/tasks?host=/cloudsql/one',
    'postgres:///tasks?host=/var/run/postgresql&port=5433',
    'postgres://db/a%2Fb%3Fc%23d%25',
    `postgres://db/tasks?schema=${'s'.repeat(63)}`,
    'postgres://db/tasks?options=-c%20search_path%3Da&application_name=x&statement_timeout=1000',
  ])('%s is taken', (address) => {
    expect(() => checkAddress(address)).not.toThrow()
  })
})

describe('a mistake in an address is reported with its remedy before anything is opened:', () => {
  test.each([
    // Another scheme, or none.
    ['', /write sqlite:PATH/],
    ['fermata.db', /write sqlite:PATH.*postgres:\/\//],
    ['/var/lib/fermata.db', /write sqlite:PATH/],
    ['C:\\data\\fermata.db', /write sqlite:PATH/],
    ['file:fermata.db', /write sqlite:PATH/],
    ['sqlite3:fermata.db', /did you mean sqlite:\?$/],
    ['SQLite:fermata.db', /did you mean sqlite:\?$/],
    ['mysql://me:s3cret@host/db', /write sqlite:PATH/],
    ['postgress://me:s3cret@host/db', /did you mean postgres:\?$/],
    ['Postgres://me:s3cret@host/db', /did you mean postgres:\?$/],
    ['postgresql+asyncpg://me:s3cret@host/db', /write sqlite:PATH/],
    ['postgres:me:s3cret@host/db', /write postgres:\/\/USER:PASSWORD@HOST/],
    ['postgres:/host/db', /write postgres:\/\/USER:PASSWORD@HOST/],
    ['"postgres://me:s3cret@host/db"', /remove the quotes/],
    ["'sqlite:a.db'", /remove the quotes/],
    [' sqlite:a.db', /remove the space/],
    ['postgres://me:s3cret@host/db\n', /remove the space/],

    // A path that would be another one.
    ['sqlite:', /name a file/],
    ['sqlite:data/', /name a file in it/],
    ['sqlite:.', /name a file in it/],
    ['sqlite:data/..', /name a file in it/],
    ['sqlite: a.db', /remove the space/],
    ['sqlite:a.db ', /remove the space/],
    ['sqlite:a\nb.db', /control character/],
    ['sqlite:a\0b.db', /control character/],
    ['sqlite://x.db', /without \/\//],
    ['sqlite:///var/x.db', /without \/\//],
    ['sqlite:~/x.db', /write the path of the folder in full/],
    ['sqlite:$HOME/x.db', /variables are not expanded/],
    ['sqlite:${HOME}/x.db', /variables are not expanded/],
    ['sqlite:%APPDATA%/x.db', /variables are not expanded/],
    ['sqlite:a.db?mode=ro', /has no options/],
    ['sqlite:my%20tasks.db', /nothing is decoded/],
    ['sqlite::memory', /write sqlite::memory:/],
    ['sqlite::memory:?cache=shared', /write sqlite::memory:/],
    ['sqlite:C:\\data\\a.db', /write \/ instead/],
    ['sqlite:data\\a.db', /write \/ instead/],

    // Parts that would be taken for others.
    ['postgres://u:1#s3cret@host/db', /write # as %23/],
    ['postgres://u:1/s3cret@host/db', /%2F %3F %40/],
    ['postgres://u:1/s3cret@host', /%2F %3F %40/],
    ['postgres://u:s3@cret/s3cret@host', /%2F %3F %40/],
    ['postgres://u:1?s3cret@host/db', /%2F %3F %40/],
    ['postgres://u:s3cret/x@host/db', /%2F %3F %40/],
    ['postgres://u:s3%cret@host/db', /write % in the password as %25/],
    ['postgres://u:s3cret@host/d%b', /write % in the database name as %25/],
    ['postgres://u:s3cret@ho%st/db', /write % in the host as %25/],
    ['postgres://u:s3 cret@host/db', /write %20/],
    ['postgres://u:s3cret@host/a/b', /write \/ in the database name as %2F/],
    ['postgres://u:s3cret@host/db#x', /write # as %23/],
    ['postgres://:s3cret@host/db', /the user name is empty/],

    // Hosts and ports.
    ['postgres://', /name the host/],
    ['postgres:///db', /name the host/],
    ['postgres://u:s3cret@/db', /name the host/],
    ['postgres://one,,two/db', /name the host/],
    ['postgres://one,/db', /name the host/],
    ['postgres://:5432/db', /no host before the port/],
    ['postgres://host:/db', /the port must be a number from 1 to 65535/],
    ['postgres://host:0/db', /the port must be/],
    ['postgres://host:65536/db', /the port must be/],
    ['postgres://host:5432:5433/db', /the port must be/],
    ['postgres://u:s3cret', /the port must be/],
    ['postgres://::1/db', /the port must be|no host/],
    ['postgres://[::1/db', /host/],
    ['postgres://a/db?host=b', /host must be the folder of a socket/],
    ['postgres://a/db?host=b,c', /host must be the folder of a socket/],

    // Names that the server would cut.
    [`postgres://host/db?schema=${'s'.repeat(64)}`, /schema must be a name of at most 63 bytes/],
    [`postgres://host/db?schema=${'é'.repeat(32)}`, /schema must be a name of at most 63 bytes/],
    [`postgres://host/${'d'.repeat(64)}`, /the database name is longer than 63 bytes/],
    [`postgres://${'u'.repeat(64)}@host/db`, /the user name is longer than 63 bytes/],
    ['postgres://host/db?schema=pg_mine', /does not begin with pg_/],
    ['postgres://host/db?schema=', /the option schema has no value/],
    ['postgres://host/db?schema', /the option schema has no value/],

    // Options.
    ['postgres://host/db?shema=x', /unknown option "shema": did you mean schema\?$/],
    ['postgres://host/db?Schema=x', /did you mean schema\?$/],
    ['postgres://host/db?ssl_mode=require', /did you mean sslmode\?$/],
    ['postgres://host/db?connection_limit=5', /the options are schema, lease,/],
    ['postgres://host/db?', /unknown option ""/],
    ['postgres://host/db?schema=a&schema=b', /schema appears twice/],
    ['postgres://host/db?schema=a?lease=5', /separate options with &/],
    ['postgres://host/db?schema=a;lease=5', /separate options with &/],
    ['postgres://host/db?sslmode=requird', /sslmode must be disable, prefer, /],
    ['postgres://host/db?ssl=false', /ssl must be true, 1, 0 or no-verify/],
    ['postgres://host/db?sslrootcert=/nowhere/ca.pem', /sslrootcert must be a file that can be read/],
    ['postgres://host/db?lease=0', /lease must be a number of seconds from 1 to 3600/],
    ['postgres://host/db?lease=3601', /lease must be/],
    ['postgres://host/db?lease=soon', /lease must be/],
    ['postgres://host/db?target_session_attrs=standby', /target_session_attrs must be read-write/],
    ['postgres://host/db?statement_timeout=1s', /statement_timeout must be a number of milliseconds/],
    ['postgres://host/db?port=0', /port must be a number from 1 to 65535/],
  ])('%j', (address, remedy) => {
    const attempt = () => checkAddress(address)
    expect(attempt).toThrow(DatabaseInvalid)
    expect(attempt).toThrow(remedy)
    expect(attempt).toThrow(/^The database URL "[^\n]*$/)
    expect(attempt).not.toThrow(/s3|cret/)
  })
})

test('a Windows path is one on Windows', () => {
  expect(() => checkAddress('sqlite:C:\\data\\a.db', 'win32')).not.toThrow()
})
