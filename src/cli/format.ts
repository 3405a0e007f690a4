/** Quantities for people. */

/** Seconds as `4 ms`, `3.2 s`, `1m 15s`, `2h 5m`, `3d 4h`. */
export function duration(seconds: number): string {
  if (seconds < 0.0995) return `${Math.round(seconds * 1_000)} ms`
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
  ]
  if (days > 0) return `${days}d ${hours}h`
  if (hours > 0) return `${hours}h ${minutes}m`
  return `${minutes}m ${whole % 60}s`
}

/** A countdown: `0:05`, `1:02:03`. */
export function countdown(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

export function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** A rate per second. */
export function rate(perSecond: number): string {
  if (perSecond >= 100) return `${count(Math.round(perSecond))}/s`
  if (perSecond === 0) return '0/s'
  if (perSecond >= 1) return `${perSecond.toFixed(1)}/s`
  return perSecond >= 0.1 ? `${perSecond.toFixed(2)}/s` : `${(perSecond * 60).toFixed(1)}/min`
}

/** Time since or until, by the clock of this machine. */
export function age(unixSeconds: number, now: number): string {
  const seconds = now / 1_000 - unixSeconds
  if (seconds < 0) return `in ${short(-seconds)}`
  return seconds < 1 ? 'now' : `${short(seconds)} ago`
}

function short(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}

/** In the time zone of this machine, to the second. */
export function moment(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1_000)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${clock(unixSeconds)}`
}

export function clock(unixSeconds: number): string {
  return new Date(unixSeconds * 1_000).toTimeString().slice(0, 8)
}

export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`
}

/** An error in one line. Many messages already start with the code, so it is shown once. */
export function errorText({ code, message }: Readonly<{ code: string; message: string }>): string {
  return message.startsWith(`${code}:`) ? message : `${code}: ${message}`
}
