import { readFileSync } from 'node:fs'

/** Ferry's own version. package.json is two folders up from here, in `src/` as in `dist/`. */
export const toolVersion = (): string => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
