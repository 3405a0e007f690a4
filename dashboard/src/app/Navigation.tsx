import { Popover } from '@mantine/core'
import { Fragment, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { useMe } from '../access/me.ts'
import { Icon } from '../kit/Icon.tsx'
import { say } from '../language/say.ts'
import { ViewList } from '../views/ViewList.tsx'
import { placeOf, placesOf, type Route } from './routes-list.ts'
import styles from './Navigation.module.css'

/** Pages in the bar of a phone; the others are behind "More". */
const first = 4

export function Navigation() {
  const [path] = useLocation()
  const here = placeOf(path)
  const places = placesOf(useMe())
  const hasMore = places.length > first + 1
  return (
    <nav className={styles.navigation} aria-label={say.app.pages}>
      {places.map((place, index) => (
        <Fragment key={place.path}>
          <Place of={place} isHere={place === here} isLate={hasMore && index >= first} />
          {place.path === '/tasks' && <ViewList />}
        </Fragment>
      ))}
      {hasMore && <More places={places.slice(first)} here={here} />}
    </nav>
  )
}

type PlaceProps = Readonly<{ of: Route; isHere: boolean; isLate?: boolean; onClick?: () => void }>

function Place({ of: { path, icon, name }, isHere, isLate = false, onClick }: PlaceProps) {
  return (
    <Link
      href={path}
      className={styles.place}
      data-late={isLate}
      aria-current={isHere ? 'page' : undefined}
      {...(onClick === undefined ? {} : { onClick })}
    >
      <Icon name={icon} size={18} />
      <span>{name}</span>
    </Link>
  )
}

function More({ places, here }: Readonly<{ places: readonly Route[]; here: Route | undefined }>) {
  const [isOpen, setOpen] = useState(false)
  const isHere = here !== undefined && places.includes(here)
  return (
    <Popover opened={isOpen} onChange={setOpen} position="top-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <button
          type="button"
          className={`${styles.place} ${styles.more}`}
          data-here={isHere}
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name="more" size={18} />
          <span>{say.app.more}</span>
        </button>
      </Popover.Target>
      <Popover.Dropdown aria-label={say.app.morePages} className={styles.rest}>
        {places.map((place) => (
          <Place key={place.path} of={place} isHere={place === here} onClick={() => setOpen(false)} />
        ))}
      </Popover.Dropdown>
    </Popover>
  )
}
