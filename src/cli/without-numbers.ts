/** Amounts with their units, not what is part of a name: 980 KiB that have become 1.2 MiB are no other text. That 3 of 3 are done, and not 2, is. */
export const withoutNumbers = (text: string): string =>
  text.replace(
    /\d[\d,]* of \d[\d,]*|((?<![\w.-])\d[\d,.]*(?: (?:[KMGT]i)?B\b| (?:s|min|h|days)\b)?)/g,
    (all, amount?: string) => (amount === undefined ? all : '#'),
  )
