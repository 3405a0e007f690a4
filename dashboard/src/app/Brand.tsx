import { Link } from 'wouter'
import { say } from '../language/say.ts'
import styles from './Brand.module.css'

export function Brand() {
  return (
    <Link href="/" className={styles.brand} aria-label={say.app.fermataOverview}>
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#5457cd" />
        <path
          d="M6.500 21C6.500 13.500 10.600 9 16 9s9.500 4.500 9.500 12h-2.200c-.5-5-3.300-8-7.300-8s-6.800 3-7.300 8z"
          fill="#fff"
        />
        <circle cx="16" cy="20.300" r="2.300" fill="#fff" />
      </svg>
      <span>Fermata</span>
    </Link>
  )
}
