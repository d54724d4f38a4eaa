import { diagnostic } from '../domain/diagnostic.ts'
import type { ObservedTopic } from '../planner/observed.ts'
import { humanBytes } from '../steps/_words.ts'
import type { Finding } from './check.ts'
import { replicationFactor } from './durability.ts'
import type { MigrationFacts } from './facts.ts'
import { sourceSizes } from './sizes.ts'

/** A broker with less left is full before anybody looks. */
const ENOUGH = 0.7

export const targetHasRoom = async (facts: MigrationFacts): Promise<Finding> => {
  const { migration, observed, target } = facts
  const disks = await target.cluster.describeDisks([])
  const usable =
    disks === 'unsupported' || disks.some(({ usableBytes }) => usableBytes === undefined)
      ? undefined
      : disks.reduce((sum, { usableBytes }) => sum + (usableBytes ?? 0), 0)
  const sizes = await sourceSizes(facts)
  // What is on the target already was copied before.
  const needed = migration.topics
    .filter(({ name }) => !holdsRecords(observed.target.topics.get(name)))
    .reduce(
      (sum, spec) =>
        sum + (sizes.of.get(spec.name) ?? 0) * Math.max(1, replicationFactor(spec, observed)),
      0,
    )
  return judgeRoom(target.spec.name, needed, usable, sizes.how)
}

const holdsRecords = (topic: ObservedTopic | undefined): boolean =>
  topic?.partitions.some((each) => each.highWatermark > each.logStart) ?? false

export const judgeRoom = (
  name: string,
  needed: number,
  usable: number | undefined,
  how: string,
): Finding => {
  if (usable === undefined) {
    return {
      says: `about ${humanBytes(needed)} needed (${how}); brokers before 3.3 do not tell what is free`,
      problems: [
        diagnostic({
          code: 'FERRY2003',
          severity: 'warning',
          detail: `${name} does not tell how much disk is free, and these topics take about ${humanBytes(needed)} there with their replicas.`,
          fix: 'Ask the operators whether every broker has that much and room to grow.',
        }),
      ],
    }
  }
  const says = `${humanBytes(needed)} needed (${how}), ${humanBytes(usable)} free on all brokers together`
  if (needed <= usable * ENOUGH) return { says }
  return {
    says,
    problems: [
      diagnostic({
        code: 'FERRY2006',
        severity: needed > usable ? 'error' : 'warning',
        detail: `${name} has ${humanBytes(usable)} free on all brokers together, and these topics need ${humanBytes(needed)} with their replicas.`,
        fix: 'Add disk, or shorten retention on the source before the migration begins.',
      }),
    ],
  }
}
