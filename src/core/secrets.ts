/**
 * The address of a database for people: in logs, on a terminal, in errors. What is or may be a password is not shown, whatever
 * the scheme, and also when the address is not valid; then rather too much is hidden than too little.
 */
export function withoutPassword(address: string): string {
  const shown = address.replaceAll(secretOption, '$1***')
  if (shown.startsWith('sqlite:')) return shown
  const [, scheme = '', rest = ''] = /^((?:(?:[a-z][\w+.-]*:)+\/\/)?)(.*)$/is.exec(shown) ?? []
  // A password that is not encoded may hold any sign, an @ too: it ends at the last one.
  const at = rest.lastIndexOf('@')
  if (at >= 0) {
    const [user = ''] = /^[^:/@?#]*/.exec(rest) ?? []
    return user.length === at ? shown : `${scheme}${user}:***${rest.slice(at)}`
  }
  // No server: then what follows a colon is a port, or the end of an address that was cut off.
  return `${scheme}${rest.replace(/^([^:/@?#[\]]*):(?!\d{1,5}(?:[,/?#]|$)|\/\/).*$/s, '$1:***')}`
}

/** In a query, and in the form that libpq and ODBC take. */
const secretOption = /((?:pass|pwd|secret|token)\w*\s*=\s*)(?:'[^']*'|[^&;\s]*)/gi
