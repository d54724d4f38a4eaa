import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApplyParts, Services } from '../../src/app/services.ts'
import type { ApplyOptions, ApplyResult } from '../../src/applier/apply-options.ts'
import type { ClusterId, TopicName } from '../../src/domain/ids.ts'
import type { ClusterSpec, Migration, Project } from '../../src/domain/migration.ts'
import type { Plan } from '../../src/domain/plan.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import type { Observed } from '../../src/planner/observed.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import { NOTHING_MANAGED } from '../state/samples.ts'
import { aPlan, WORDS } from '../views/a-plan.ts'

export interface FakeServices extends Services {
  readonly project: Project
  /** What apply was asked to run. */
  readonly applied: ApplyOptions[]
  readonly closed: string[]
  /** How an apply ends, where it is not all done. */
  result: Partial<ApplyResult>
}

const place = (file: string) => ({ file, line: 1, column: 1, pointer: '' })

/** A project with the migrations orders and billing, in a folder of its own, whose clusters and plans are made up. */
export const fakeServices = (change: {
  readonly plan?: Partial<Plan>
  readonly result?: Partial<ApplyResult>
  readonly parts?: Partial<ApplyParts>
  readonly connect?: (name: string) => Promise<Cluster>
}): FakeServices => {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-cli-'))
  for (const name of ['ferry', 'old-cloud', 'new-idc', 'orders', 'billing']) {
    writeFileSync(join(folder, `${name}.yaml`), name)
  }
  const applied: ApplyOptions[] = []
  const closed: string[] = []
  const project: Project = {
    name: 'shop',
    file: join(folder, 'ferry.yaml'),
    state: { store: 'file', directory: join(folder, '.ferry') },
    policy: { maxDestroy: 0, allowedHosts: undefined },
    clusters: new Map(
      ['old-cloud', 'new-idc'].map((name) => [name, clusterSpec(folder, name)] as const),
    ),
    migrations: new Map(
      ['orders', 'billing'].map((name) => [name, migration(folder, name)] as const),
    ),
  }
  const store = {
    describe: 'memory',
    readDecisions: async () => undefined,
    readProgress: async () => new Map(),
    lockHolder: async () => undefined,
    close: async () => undefined,
  } as unknown as StateStore
  const services: FakeServices = {
    project,
    applied,
    closed,
    result: change.result ?? {},
    loadProject: async () => ({ project, diagnostics: [] }),
    openStore: async () => store,
    connectCluster: async (_, name) =>
      change.connect?.(name) ??
      ({ name, close: async () => void closed.push(name) } as unknown as Cluster),
    probeCluster: async () => ({ bootstrap: [], advertised: [] }),
    observe: async () => ({ problems: [] }) as unknown as Observed,
    planMigration: async ({ desired, inputs }) =>
      aPlan({ migration: desired.name, to: desired.stage, inputs, ...change.plan }),
    readReaders: async () => new Map(),
    readStops: async () => new Map(),
    checkCreations: async () => [],
    stepWords: async () => WORDS,
    mirrorProcesses: async () => [],
    applyPlan: async (options) => {
      applied.push(options)
      return {
        status: 'done',
        steps: options.plan.steps.map(({ id }) => ({ id, outcome: 'done', earlier: false })),
        problems: [],
        begun: true,
        stage: options.plan.to,
        takenOverFrom: undefined,
        ...services.result,
      }
    },
    applyParts: async () => ({
      kinds: () => {
        throw new Error('nothing runs here')
      },
      withState: (desired) => desired,
      seenOf: () => ({ managed: NOTHING_MANAGED, facts: new Map() }),
      checkAgain: () => [],
      checkOpen: () => [],
      checkInvariants: async () => [],
      passedDeadlines: async () => [],
      ...change.parts,
    }),
    startMirror: async () => {
      throw new Error('no mirror here')
    },
    verifyMigration: async () => ({ formatVersion: '1.0', ok: true, topics: [], groups: [] }),
  }
  return services
}

const clusterSpec = (folder: string, name: string): ClusterSpec => {
  const file = join(folder, `${name}.yaml`)
  return {
    name,
    file,
    clusterId: name as ClusterId,
    clusterIdAt: place(file),
    bootstrapServers: ['localhost:1'],
    bootstrapAt: place(file),
    tls: undefined,
    sasl: undefined,
  }
}

const migration = (folder: string, name: string): Migration => {
  const file = join(folder, `${name}.yaml`)
  return {
    name,
    owner: undefined,
    file,
    digest: 'd',
    from: 'old-cloud',
    to: 'new-idc',
    stage: 'producers-moved',
    stageAt: place(file),
    order: 'consumers-first',
    topics: [
      {
        name: `${name}.events` as TopicName,
        at: place(file),
        partitions: undefined,
        replicationFactor: undefined,
        configs: undefined,
        offsets: 'auto',
      },
    ],
    groups: [],
    users: [],
    access: [],
    quotas: [],
    removed: [],
    mirror: { throttle: undefined, startFrom: 'earliest' },
    gates: { mirrorLag: 0, sourceQuietMs: 300_000, timeoutMs: 900_000 },
    rollback: { keepSourceWarm: false },
    unsupported: [],
  }
}
