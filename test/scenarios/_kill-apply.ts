import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'vitest'
import { EXIT } from '../../src/cli/exit-codes.ts'
import type { StepKindName } from '../../src/domain/step.ts'
import { fill } from './_clients.ts'
import { withAdmin } from './_image.ts'
import type { Chapter } from './_life.ts'
import type { Ended, Project, World } from './_world.ts'

export type StoreName = 'file' | 'kafka'

export const projectOn = (world: World, name: string, store: StoreName): Project => {
  const project = world.project(name)
  const kafka = `store: kafka, cluster: new, topic: state-${name}`
  if (store === 'kafka') project.edit('ferry.yaml', 'store: file', kafka)
  Object.assign(project.env, {
    PASSWORD: 'a-password',
    FERRY_DIE_BESIDE: `state-${name}`,
    // Whoever died must be waited out.
    FERRY_MIRROR_SESSION_MS: '1500',
    FERRY_MIRROR_REQUEST_MS: '500',
  })
  project.write('died', '')
  return project
}

/** What makes ferry die at the points that match; see dying.mjs. */
export const dyingAt = (project: Project, at: string, by = 'SIGKILL', share = '0/1/') => ({
  NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'dying.mjs')).href}`,
  FERRY_DIE_LOG: project.path('died'),
  FERRY_DIE_AT: at,
  FERRY_DIE_BY: by,
  FERRY_DIE_SHARE: share,
})

/** A service of its own: two partitions, a group with commits, a user with rights. */
export const makeService = async (world: World, project: Project, name: string): Promise<void> => {
  await withAdmin(world.source, async (admin) => {
    await admin.createTopics({ topics: [{ topic: name, numPartitions: 2, replicationFactor: 1 }] })
    const partitions = [
      { partition: 0, offset: '7' },
      { partition: 1, offset: '20' },
    ]
    await admin.setOffsets({ groupId: `${name}-api`, topic: name, partitions })
  })
  await fill(world.source, name, 20, [0, 1])
  project.write(
    `plans/${name}.yaml`,
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: mirrored
  topics: [{ name: ${name}, configs: { retention.ms: 7d } }]
  groups: [{ id: ${name}-api }]
  users: [{ name: ${name}-user, mechanism: scram-sha-512, password: "\${env:PASSWORD}" }]
  access:
    - principal: User:${name}-user
      produce: [${name}]
      consume: { topics: [${name}], groups: [${name}-api] }
  gates: { sourceQuiet: 1s, timeout: 60s }
`,
  )
}

interface PlannedStep {
  readonly id: string
  readonly kind: StepKindName
}

/** At which points of a plan's run ferry dies, for dying.mjs. */
export type Killing = (
  steps: readonly PlannedStep[],
  chapter: Chapter,
) => { readonly at: string; readonly share?: string }

export const nowhere: Killing = () => ({ at: '^$' })

/**
 * In these chapters before and after every write of the journal and of the decisions, and inside of every step between its first writes to
 * a cluster; shared among several services that go the same way.
 */
export const everywhere =
  (chapters: readonly Chapter[], share: number, of: number, service: string): Killing =>
  (steps, chapter) =>
    chapters.includes(chapter)
      ? {
          at: `^(before|after) (?!write )|${BETWEEN.source}`,
          share: `${share}/${of}/${service}`,
        }
      : nowhere(steps, chapter)

/** Inside of the first step of each kind, its work done and not yet recorded; and inside of every step between two of its writes to a cluster. */
export const insideOfEachKind = (): Killing => {
  const known = new Set<StepKindName>()
  return (steps) => {
    const first = steps.filter(({ kind }) => !known.has(kind) && known.add(kind))
    const done = `^before result (${idsOf(first)}) done$`
    return { at: `${first.length > 0 ? `${done}|` : ''}${BETWEEN.source}` }
  }
}

const idsOf = (steps: readonly PlannedStep[]): string =>
  steps.map(({ id }) => id.replaceAll(/[.*|]/g, '\\$&')).join('|')

/** What it has not sent yet is one of the first writes of a step, but not the very first. How many requests a mirror makes of what it copies is left to chance: test/faults. */
const BETWEEN = /^before write [2-4] of (?!mirror-)/

export const isBetweenWrites = ({ point }: Death): boolean => BETWEEN.test(point)

export interface Death {
  readonly point: string
  readonly kind: StepKindName
}

/** How a plan came to its end. */
export interface Applied {
  readonly kinds: readonly StepKindName[]
  readonly deaths: readonly Death[]
  /** Steps that wrote to a cluster more than once, mirrors left out. */
  readonly manyWrites: readonly string[]
}

/** Applies one plan file, again and again while ferry dies, and answers inside or at the border of which steps it died. */
export const applyDying = async (
  project: Project,
  name: string,
  dyingOf: (steps: readonly PlannedStep[]) => ReturnType<Killing>,
  { planning = ['plan', name], ends = 0 }: { planning?: readonly string[]; ends?: number } = {},
): Promise<Applied> => {
  const file = `${name}.plan.json`
  const planned = await project.ferry([...planning, '-o', file])
  expect(planned.code, `${planned.stdout}\n${planned.stderr}`).toBe(0)
  const { steps } = JSON.parse(project.read(file)) as { readonly steps: readonly PlannedStep[] }
  const dying = dyingOf(steps)
  project.write('died', '')
  project.write('died.sent', '')
  let begun: string | undefined
  for (;;) {
    const { code, stdout, stderr }: Ended = await project.ferry(
      ['apply', file, '--confirm', name],
      dyingAt(project, dying.at, 'SIGKILL', dying.share),
    )
    // Whoever takes the lock over says so, and which step may be half done: that is looked at before anything else.
    if (begun !== undefined) {
      expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(
        /took over the lock of .*: that process is gone, or its lease has ended/,
      )
      expect(stderr.replaceAll(/\s+/g, ' ')).toContain(`It had begun ${begun}, `)
    }
    const died = project.read('died').split('\n').filter(Boolean)
    // After its very last write there is nothing left to do, and a plan runs once.
    const isOver =
      /^after decisions \d+ behind plan-finished$/.test(died.at(-1) ?? '') &&
      code === EXIT.stale &&
      stderr.includes('FERRY1408')
    if (code === ends || isOver) {
      const kinds = steps.map(({ kind }) => kind)
      return { kinds, deaths: deathsIn(died, steps), manyWrites: manyIn(project.read('died.sent')) }
    }
    // A signal: it died at the next point. Everything else would be an apply that did not go on.
    expect(code, `${stdout}\n${stderr}`).toBe(-1)
    begun = BEGUN.exec(died.at(-1) ?? '')?.[1]
  }
}

/** The step that is half done where it died there. */
const BEGUN = /(?:after intent|before result|behind intent|before write \d+ of) (\S+?)(?:$| )/

const manyIn = (sent: string): readonly string[] => {
  const steps = sent.split('\n').filter((step) => step !== '' && !step.startsWith('mirror-'))
  return [...new Set(steps.filter((step, i) => steps.indexOf(step) < i))].sort()
}

const deathsIn = (points: readonly string[], steps: readonly PlannedStep[]): readonly Death[] =>
  points.flatMap((point) => {
    const step =
      /^before write \d+ of (.+)$/.exec(point)?.[1] ??
      /(?:intent|result) (.+?)(?: done| failed)?$/.exec(point)?.[1]
    return steps.filter(({ id }) => id === step).map(({ kind }) => ({ point, kind }))
  })
