import { Button, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { Card } from '../kit/Card.tsx'
import { Page } from '../kit/Page.tsx'
import { say } from '../language/say.ts'
import { storedKey, storeKey } from './key.ts'
import styles from './SignIn.module.css'

/** Asks for a key. The browser does not store it: it is gone with the tab. */
export function SignIn() {
  const queries = useQueryClient()
  const [text, setText] = useState('')
  const [isRefused, setRefused] = useState(storedKey() !== undefined)
  const signIn = async (event: FormEvent) => {
    event.preventDefault()
    storeKey(text.trim())
    await queries.resetQueries()
    setRefused(true)
  }
  return (
    <main className={styles.page}>
      <Page title={say.access.signIn}>
        <Card>
          <form className={styles.form} onSubmit={(event) => void signIn(event)}>
            <TextInput
              label={say.common.key}
              description={say.access.needsKey}
              type="password"
              autoComplete="off"
              spellCheck={false}
              data-autofocus
              value={text}
              error={isRefused ? say.access.keyRefused : undefined}
              onChange={({ currentTarget }) => {
                setText(currentTarget.value)
                setRefused(false)
              }}
            />
            <Button type="submit" disabled={text.trim() === ''}>
              {say.access.signIn}
            </Button>
          </form>
        </Card>
      </Page>
    </main>
  )
}
