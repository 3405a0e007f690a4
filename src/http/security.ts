type Exceptions = Readonly<{
  /** Styles that apply beside the sheets which this server sends: a source of the policy. */
  styles: string
}>

/** The policy of a page: everything comes from this server, and nothing of it goes elsewhere. */
export function pageSecurity({ styles }: Exceptions) {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
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
