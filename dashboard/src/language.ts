/**
 * Must be imported first. Some browsers report a language that no formatter accepts, such as `en-US@posix`, and libraries
 * throw when they pass it on.
 */
try {
  Intl.NumberFormat.supportedLocalesOf(navigator.language)
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true })
}
