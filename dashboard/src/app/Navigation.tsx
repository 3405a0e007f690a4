import { Link, useLocation } from 'wouter'
import { useMe } from '../access/me.ts'
import { Icon } from '../kit/Icon.tsx'
import { placeOf, placesOf } from './routes-list.ts'
import styles from './Navigation.module.css'

export function Navigation() {
  const [path] = useLocation()
  const here = placeOf(path)
  const me = useMe()
  return (
    <nav className={styles.navigation} aria-label="Pages">
      {placesOf(me).map((place) => (
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
