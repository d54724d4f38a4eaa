import { readFileSync } from 'node:fs'
import { type LoadResult, loadProject } from '../../src/config/index.ts'

/** A project like that of `plans/`, in memory, below `/p`. A copy: the tables of cases hold its lines and columns. */
const example = (path: string): string =>
  readFileSync(new URL(`../fixtures/config/project/${path}`, import.meta.url), 'utf8')

export const EXAMPLE: Readonly<Record<string, string>> = {
  'ferry.yaml': example('ferry.yaml'),
  'clusters/new-idc.yaml': example('clusters/new-idc.yaml'),
  'clusters/old-cloud.yaml': example('clusters/old-cloud.yaml'),
  'plans/orders.yaml': example('plans/orders.yaml'),
}

export const ENV: Readonly<Record<string, string>> = {
  OLD_CLUSTER_ID: 'old-id',
  NEW_CLUSTER_ID: 'new-id',
  OLD_BOOTSTRAP: 'old-1:9092, old-2:9092',
  NEW_BOOTSTRAP: 'new-1:9093',
  ORDERS_API_PASSWORD: 'api-secret',
  ORDERS_SHOP_PASSWORD: 'shop-secret',
}

export type Files = Readonly<Record<string, string | Uint8Array | undefined>>

/** Loads the example with some files replaced; `undefined` removes one. */
export const load = (
  files: Files = {},
  env: Readonly<Record<string, string | undefined>> = {},
  loader = loadProject,
): Promise<LoadResult> => {
  const all: Files = { ...EXAMPLE, ...files }
  return loader({
    directory: '/p',
    env: { ...ENV, ...env },
    readFile: async (path) => {
      const content = all[path.slice('/p/'.length)]
      if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return typeof content === 'string' ? new TextEncoder().encode(content) : content
    },
    glob: async (pattern, directory) => {
      const folder = pattern.slice(0, pattern.indexOf('/') + 1)
      if (!pattern.includes('*')) return [`${directory}/${pattern}`]
      return Object.keys(all)
        .filter(
          (name) => all[name] !== undefined && name.startsWith(folder) && name.endsWith('.yaml'),
        )
        .map((name) => `${directory}/${name}`)
    },
  })
}

/** The example's text with one exact part replaced; it must be there. */
export const edit = (file: string, from: string, to: string): Files => {
  const text = EXAMPLE[file] ?? ''
  if (!text.includes(from)) throw new Error(`${file} does not hold ${JSON.stringify(from)}`)
  return { [file]: text.replace(from, () => to) }
}

/** A diagnostic in one line: `FERRY1014 plans/orders.yaml:8:3 /spec/stag | fix`. */
export const lines = ({ diagnostics }: LoadResult): readonly string[] =>
  diagnostics.map(({ code, severity, at, fix }) => {
    const place = at
      ? `${at.file.replace(/^\/p\//, '')}:${at.line}:${at.column} ${at.pointer}`
      : 'nowhere'
    return `${code}${severity === 'warning' ? ' warning' : ''} ${place} | ${fix}`
  })
