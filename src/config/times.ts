/** An ISO 8601 time with zone; undefined for anything else, also for days that no calendar has, which `Date` rolls over silently. */
export const parseIsoTime = (text: string): Date | undefined => {
  const match = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.exec(text)
  if (match === null) return undefined
  const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number]
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate()
  const time = new Date(text)
  return Number.isNaN(time.getTime()) || day > lastDay ? undefined : time
}
