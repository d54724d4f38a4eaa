import { dirname, relative } from 'node:path'
import type { Place } from '../domain/diagnostic.ts'

/** `other.yaml:3`, as seen from the file where the problem is. */
export const placeText = (place: Place, from: Place): string =>
  `${relative(dirname(from.file), place.file) || place.file}:${place.line}`
