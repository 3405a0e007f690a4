/**
 * A database URL for people: in logs, on a terminal, in errors. Anything that is or may be a password is hidden, whatever
 * the scheme and even if the URL is invalid; when in doubt, more is hidden.
 */
export function withoutPassword(address: string): string {
  const shown = address.replaceAll(secretOption, '$1***')
  if (shown.startsWith('sqlite:')) return shown
  const [, scheme = '', rest = ''] = /^((?:(?:[a-z][\w+.-]*:)+\/\/)?)(.*)$/is.exec(shown) ?? []
  // An unencoded password may contain any character, even @: it ends at the last one.
  const at = rest.lastIndexOf('@')
  if (at >= 0) {
    const [user = ''] = /^[^:/@?#]*/.exec(rest) ?? []
    return user.length === at ? shown : `${scheme}${user}:***${rest.slice(at)}`
  }
  // No host: what follows a colon is a port, or the end of a truncated URL.
  return `${scheme}${rest.replace(/^([^:/@?#[\]]*):(?!\d{1,5}(?:[,/?#]|$)|\/\/).*$/s, '$1:***')}`
}

/** In a query, and in the form of libpq and ODBC. */
const secretOption = /((?:pass|pwd|secret|token)\w*\s*=\s*)(?:'[^']*'|[^&;\s]*)/gi
