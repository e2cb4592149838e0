/** What kind of field bytes come from; the same bytes mean different things in each. */

/** Not inspected. */
export const fieldNone: i32 = 0;
export const fieldPath: i32 = 1;
/** Names and values between `&`, `;` and `=`. */
export const fieldQuery: i32 = 2;
/** A header whose value is, or holds, a path or a URL. */
export const fieldHeader: i32 = 4;
/** As a header, but the URL of another page: it may well end in the name of a file. */
export const fieldReferer: i32 = 8;
