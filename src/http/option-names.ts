import { OptionsInvalid } from '../core/errors.ts'

/** Options have other names in requests than in programs: an issue about `onFailure` is one about `on_failure`. */
export async function asRequested<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof OptionsInvalid)) throw error
    const name = (option: string) => option.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    const issues = error.issues.map(({ path, message }) => ({
      path: path.replace(/^(?:tasks\.\d+\.)?[a-z][A-Za-z]*/, name),
      message,
    }))
    throw new OptionsInvalid(issues)
  }
}
