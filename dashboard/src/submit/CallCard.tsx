import { base } from '../data/base.ts'
import { Card } from '../kit/Card.tsx'
import { CopyButton } from '../kit/CopyButton.tsx'
import { say } from '../language/say.ts'
import styles from './SubmitForm.module.css'

/** The equivalent curl command. */
export function CallCard({ type, body }: Readonly<{ type: string; body: object }>) {
  const text = [
    `curl ${location.origin}${base}/api/run/${encodeURIComponent(type)} \\`,
    `  -H 'content-type: application/json' \\`,
    `  -d '${JSON.stringify(body, null, 2).replaceAll("'", String.raw`'\''`)}'`,
  ].join('\n')
  return (
    <Card
      title={say.submit.equivalentCurlCommand}
      aside={<CopyButton text={text} what={say.submit.theCommand} />}
    >
      <pre className={styles.call}>{text}</pre>
    </Card>
  )
}
