import type { Diagnostic } from '../domain/diagnostic.ts'
import type { ProbedAddress } from '../kafka/inquiry.ts'
import type { Finding } from './check.ts'
import type { ClusterFacts } from './facts.ts'

/** Every address of the cluster file. A cluster of which one server answers works, until that one is down. */
export const bootstrapServersAnswer = ({ probe }: ClusterFacts): Finding => {
  const { says, problems = [] } = addresses(probe.bootstrap)
  const noneAnswered = problems.length === probe.bootstrap.length
  return {
    says,
    problems: noneAnswered ? problems : problems.map((each) => ({ ...each, severity: 'warning' })),
  }
}

/** Every broker, where it says that it is: producers and consumers, and the mirror, go there and not to the bootstrap servers. */
export const brokersAreReachable = ({ probe }: ClusterFacts): Finding => addresses(probe.advertised)

const addresses = (probed: readonly ProbedAddress[]): Finding => {
  // Another cluster that answers is the business of the next check.
  const silent = probed.filter((each) => each.clusterId === undefined && each.problem)
  const answered = probed.length - silent.length
  return {
    says: `${answered} of ${probed.length}: ${probed.map(nameOf).join(', ')}`,
    problems: silent.map((each) => each.problem!),
  }
}

const nameOf = ({ address, nodeId }: ProbedAddress): string =>
  nodeId === undefined ? address : `${nodeId} at ${address}`

/** The id that the file pins. */
export const idIsPinned = ({ spec, probe }: ClusterFacts): Finding => {
  const answered = [...probe.bootstrap, ...probe.advertised].filter(
    (each) => each.clusterId !== undefined,
  )
  const ids = new Set(answered.map((each) => each.clusterId))
  return {
    says:
      ids.size === 1 && ids.has(spec.clusterId)
        ? `${spec.clusterId}, at ${answered.length} addresses`
        : `${ids.size === 1 ? 'another one' : `${ids.size} different ones`} answered`,
    problems: onceEach(answered.flatMap((each) => (each.problem ? [each.problem] : []))),
  }
}

/** A broker is asked at its bootstrap address and at the one that it advertises, which may be the same. */
const onceEach = (problems: readonly Diagnostic[]): readonly Diagnostic[] => [
  ...new Map(problems.map((problem) => [problem.detail, problem])).values(),
]

/** Connecting as every other verb does. What the addresses said already is not said again. */
export const isConnected = ({ probe, cluster, connectProblems }: ClusterFacts): Finding => {
  const said = new Set(
    [...probe.bootstrap, ...probe.advertised].map(({ problem }) => problem?.code),
  )
  return {
    says: cluster === undefined ? 'not connected' : 'connected',
    problems: connectProblems.filter(({ code }) => !said.has(code)),
  }
}
