import { Link, useLocation } from 'wouter'
import { Icon } from '../kit/Icon.tsx'
import { placeOf, places } from './routes-list.ts'
import styles from './Navigation.module.css'

export function Navigation() {
  const [path] = useLocation()
  const here = placeOf(path)
  return (
    <nav className={styles.navigation} aria-label="Pages">
      {places.map((place) => (
        <Link
          key={place.path}
          href={place.path}
          className={styles.place}
          aria-current={place === here ? 'page' : undefined}
        >
          <Icon name={place.icon} size={18} />
          <span>{place.name}</span>
        </Link>
      ))}
    </nav>
  )
}
