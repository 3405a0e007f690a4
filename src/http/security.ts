type Exceptions = Readonly<{
  /** Sources of scripts allowed in addition to this server. */
  scripts?: readonly string[]
  /** Styles allowed in addition to the style sheets of this server: a source of the policy. */
  styles: string
}>

/** The content security policy of a page: everything comes from this server, and nothing goes elsewhere. */
export function pageSecurity({ scripts = [], styles }: Exceptions) {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'", ...scripts],
        styleSrc: ["'self'", styles],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: false,
  }
}
