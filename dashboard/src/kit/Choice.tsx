import styles from './Choice.module.css'

type Props<T extends string> = Readonly<{
  label: string
  value: T
  choices: readonly Readonly<{ value: T; name: string }>[]
  onChange: (value: T) => void
}>

/** A choice among a few options, side by side. */
export function Choice<T extends string>({ label, value, choices, onChange }: Props<T>) {
  return (
    <div className={styles.choice} role="group" aria-label={label}>
      {choices.map((choice) => (
        <button
          key={choice.value}
          type="button"
          aria-pressed={choice.value === value}
          onClick={() => onChange(choice.value)}
        >
          {choice.name}
        </button>
      ))}
    </div>
  )
}
