import { exactCount, locale, say } from '../language/say.ts'

export { exactCount } from '../language/say.ts'

/** Times and amounts for people. Times are Unix seconds; durations are seconds. */

const minute = 60
const hour = 60 * minute
const day = 24 * hour

/** `0.35 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: two units at most. */
export function durationWords(seconds: number): string {
  if (seconds < 0.001) return `0 ${units.s}`
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ${units.ms}`
  if (seconds < 9.95) return `${oneDecimal(seconds)} ${units.s}`
  const whole = Math.round(seconds)
  if (whole < minute) return `${whole} ${units.s}`
  if (whole < hour) return twoUnits(whole, minute, units.min, 1, units.s)
  if (whole < day) return twoUnits(whole, hour, units.h, minute, units.min)
  return twoUnits(whole, day, units.d, hour, units.h)
}

/** `just now`, `5 s ago`, `in 3 min`; the date if it is more than a week away. */
export function relativeWords(time: number, now: number): string {
  const distance = time - now
  const size = Math.abs(distance)
  if (size < 1) return say.time.justNow
  if (size > 7 * day) return dateWords(time)
  const words = oneUnit(size)
  return distance > 0 ? say.time.in(words) : say.time.ago(words)
}

/** In the reader's time zone, to the millisecond, with its name. */
export function exactWords(time: number): string {
  return exact.format(new Date(time * 1_000))
}

/** Hour, minute and second in the reader's time zone. */
export function clockWords(time: number): string {
  return clock.format(new Date(time * 1_000))
}

/** The same to the millisecond. */
export function preciseClockWords(time: number): string {
  return preciseClock.format(new Date(time * 1_000))
}

/** `4,711`, `12.3K`, `1.2M`: exact up to ten thousand. */
export function countWords(count: number): string {
  return count < 10_000 ? exactCount(count) : compact.format(count)
}

/** `0.25/s`, `12.5/s`, `3/min`: switches to minutes for small rates. */
export function rateWords(perSecond: number, unit = ''): string {
  if (perSecond === 0) return `0${unit}/${units.s}`
  if (perSecond < 0.1) return `${short.format(perSecond * minute)}${unit}/${units.min}`
  return `${perSecond < 100 ? short.format(perSecond) : countWords(Math.round(perSecond))}${unit}/${units.s}`
}

/** Hour and minute, with seconds unless it is a whole minute. */
export function minuteWords(time: number): string {
  return (time % 60 === 0 ? minutes : clock).format(new Date(time * 1_000))
}

/** `Mon, Nov 30`, in the reader's time zone. */
export function dayWords(day: Date): string {
  return weekday.format(day)
}

/** Day, hour and minute in the reader's time zone. */
export function exactDay(time: number): string {
  return dayAndMinute.format(new Date(time * 1_000))
}

/** Weekday, day and time in a time zone, with the name of the zone; in the reader's if the browser does not know it. */
export function zonedWords(time: number, timeZone: string | undefined): string {
  const options: Intl.DateTimeFormatOptions = {
    weekday: 'short',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    ...(time % 60 === 0 ? {} : { second: '2-digit' }),
    timeZoneName: 'short',
  }
  const at = new Date(time * 1_000)
  try {
    return at.toLocaleString(locale, timeZone === undefined ? options : { ...options, timeZone })
  } catch {
    return at.toLocaleString(locale, options)
  }
}

const { units } = say.time

const exact = new Intl.DateTimeFormat(locale, {
  weekday: 'short',
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  timeZoneName: 'short',
})
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const preciseClock = new Intl.DateTimeFormat(locale, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hour12: false,
})
const minutes = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' })
const dayAndMinute = new Intl.DateTimeFormat(locale, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
})
const weekday = new Intl.DateTimeFormat(locale, { weekday: 'short', month: 'short', day: 'numeric' })
const date = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: 'numeric' })
const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const compact = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 })
const short = new Intl.NumberFormat(locale, {
  maximumSignificantDigits: 3,
  maximumFractionDigits: 2,
  roundingPriority: 'lessPrecision',
})

/** One digit after the point, also if it is a zero. */
export function oneDecimal(value: number): string {
  return tenths.format(value)
}

function dateWords(time: number): string {
  return date.format(new Date(time * 1_000))
}

function twoUnits(
  seconds: number,
  large: number,
  largeName: string,
  small: number,
  smallName: string,
): string {
  const rest = Math.floor((seconds % large) / small)
  const first = `${Math.floor(seconds / large)} ${largeName}`
  return rest === 0 ? first : `${first} ${rest} ${smallName}`
}

function oneUnit(seconds: number): string {
  if (seconds < minute) return `${Math.floor(seconds)} ${units.s}`
  if (seconds < hour) return `${Math.floor(seconds / minute)} ${units.min}`
  if (seconds < day) return `${Math.floor(seconds / hour)} ${units.h}`
  return `${Math.floor(seconds / day)} ${units.d}`
}
