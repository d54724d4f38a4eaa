const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** Bytes of `50MiB`, `20MB` or a plain integer; undefined for anything else, also where it is too large to be exact. */
export const parseSize = (value: string | number): number | undefined => {
  const match = /^(\d+)(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$/.exec(String(value))
  if (match === null) return undefined
  const bytes = Number(match[1]) * BYTES_PER_UNIT[match[2] ?? 'B']!
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
