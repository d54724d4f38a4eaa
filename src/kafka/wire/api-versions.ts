import { type Api, NEVER_FLEXIBLE } from './api.ts'

/** What a broker announced: API key to the lowest and highest version that it speaks. */
export type AnnouncedVersions = ReadonlyMap<number, readonly [number, number]>

/**
 * ApiVersions (key 18). Only version 0: every broker from 0.10 to 4.x answers it, and it says all we ask.
 *
 *     request  =>
 *     response => error_code INT16, [api_key INT16, min_version INT16, max_version INT16]
 */
export const apiVersions: Api<
  void,
  { readonly code: number; readonly versions: AnnouncedVersions }
> = {
  name: 'ApiVersions',
  key: 18,
  versions: [0, 0],
  flexibleFrom: NEVER_FLEXIBLE,
  encode: () => undefined,
  decode: (from) => {
    const code = from.int16()
    const entries = from.array(() => [from.int16(), [from.int16(), from.int16()]] as const)
    return { code, versions: new Map(entries) }
  },
}
