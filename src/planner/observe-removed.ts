import { aclKey } from '../domain/access.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import { type Migration, type RemovedSpec, removedKey } from '../domain/migration.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { counted, humanBytes } from '../steps/_words.ts'
import type { Clusters } from '../steps/step-kind.ts'
import { attempt, taken } from './answers.ts'
import type { StillThere } from './observed.ts'

type Found = Map<string, StillThere>

/** What `removed` lists and is still there; one request of each kind for each cluster. What cannot be read becomes a problem. */
export const observeRemoved = async (
  clusters: Clusters,
  { removed }: Migration,
  problems: Diagnostic[],
): Promise<ReadonlyMap<string, StillThere>> => {
  const found: Found = new Map()
  for (const side of ['source', 'target'] as const) {
    const specs = removed.filter(({ on }) => on === side)
    if (specs.length === 0) continue
    const look = new Look(clusters[side], specs, found, problems)
    await Promise.all([look.topics(), look.groups(), look.users(), look.quotas(), look.acls()])
  }
  return found
}

class Look {
  readonly #cluster: Cluster
  readonly #specs: readonly RemovedSpec[]
  readonly #found: Found
  readonly #problems: Diagnostic[]

  constructor(
    cluster: Cluster,
    specs: readonly RemovedSpec[],
    found: Found,
    problems: Diagnostic[],
  ) {
    this.#cluster = cluster
    this.#specs = specs
    this.#found = found
    this.#problems = problems
  }

  #of<K extends RemovedSpec['object']['kind']>(kind: K) {
    return this.#specs.flatMap((spec) =>
      spec.object.kind === kind
        ? [{ key: removedKey(spec), object: spec.object as RemovedSpec['object'] & { kind: K } }]
        : [],
    )
  }

  async topics(): Promise<void> {
    const wanted = this.#of('topic')
    if (wanted.length === 0) return
    const described = taken(
      await this.#cluster.describeTopics(wanted.map(({ object }) => object.topic)),
      this.#problems,
    )
    const there = [...described.values()].flatMap((topic) => (topic === 'absent' ? [] : [topic]))
    const partitions = there.flatMap((topic) =>
      topic.partitions.map(({ partition }) => ({ topic: topic.name, partition })),
    )
    const [starts, ends] = await Promise.all(
      (['earliest', 'latest'] as const).map(async (at) =>
        taken(await this.#cluster.listOffsets(partitions, at), this.#problems),
      ),
    )
    for (const { key, object } of wanted) {
      const topic = there.find(({ name }) => name === object.topic)
      if (topic === undefined) continue
      let offsets = 0n
      for (const { partition } of topic.partitions) {
        const at = `${topic.name}:${partition}` as const
        offsets += (ends?.get(at as never) ?? 0n) - (starts?.get(at as never) ?? 0n)
      }
      this.#found.set(key, {
        says: `${counted(topic.partitions.length, 'partition')}, ${counted(offsets, 'offset')}`,
        topicId: topic.topicId ?? null,
        fixed: `${topic.topicId ?? ''} ${topic.partitions.length}`,
      })
    }
  }

  async groups(): Promise<void> {
    const wanted = this.#of('group')
    if (wanted.length === 0) return
    const commits = taken(
      await this.#cluster.lookAtCommits(wanted.map(({ object }) => object.group)),
      this.#problems,
    )
    for (const { key, object } of wanted) {
      const positions = commits.get(object.group)?.commits.size ?? 0
      if (positions > 0) {
        const says = counted(positions, 'position')
        this.#found.set(key, { says, topicId: null, fixed: 'there' })
      }
    }
  }

  async users(): Promise<void> {
    const wanted = this.#of('user')
    if (wanted.length === 0) return
    const users = taken(
      await this.#cluster.describeUsers(wanted.map(({ object }) => object.user)),
      this.#problems,
    )
    for (const { key, object } of wanted) {
      const mechanisms = [...(users.get(object.user) ?? [])].sort()
      if (mechanisms.length === 0) continue
      const says = mechanisms.join(', ')
      this.#found.set(key, { says, topicId: null, fixed: says })
    }
  }

  async quotas(): Promise<void> {
    const wanted = this.#of('quota')
    if (wanted.length === 0) return
    const read = () => this.#cluster.describeQuotas(wanted.map(({ object }) => object.user))
    const quotas = await attempt(
      read,
      new Map() as Awaited<ReturnType<typeof read>>,
      this.#problems,
    )
    for (const { key, object } of wanted) {
      const { producerByteRate, consumerByteRate } = quotas.get(object.user) ?? {}
      if (producerByteRate === undefined && consumerByteRate === undefined) continue
      const says = [
        ...(producerByteRate === undefined ? [] : [`produce ${humanBytes(producerByteRate)}/s`]),
        ...(consumerByteRate === undefined ? [] : [`consume ${humanBytes(consumerByteRate)}/s`]),
      ].join(', ')
      this.#found.set(key, {
        says,
        topicId: null,
        fixed: `${producerByteRate} ${consumerByteRate}`,
      })
    }
  }

  async acls(): Promise<void> {
    const wanted = this.#of('acl')
    if (wanted.length === 0) return
    const acls = await attempt(() => this.#cluster.describeAcls(), [], this.#problems)
    if (acls === 'no-authorizer') return
    const there = new Set(acls.map(aclKey))
    for (const { key, object } of wanted) {
      if (there.has(aclKey(object.acl))) {
        this.#found.set(key, { says: '1 ACL', topicId: null, fixed: 'there' })
      }
    }
  }
}
