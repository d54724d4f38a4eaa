import { diagnostic } from '../domain/diagnostic.ts'
import type { ClockReading } from '../kafka/inquiry.ts'
import type { Finding } from './check.ts'
import type { ClusterFacts } from './facts.ts'

/** Deadlines are shown by the minute; leases and sessions allow for seconds. */
const TOLERATED_MS = 1000

export const clocksAgree = async ({ spec, cluster, now }: ClusterFacts): Promise<Finding> => {
  const reading = await cluster!.readClock(now)
  return reading === 'unsupported' ? unknown(spec.name) : judgeClock(spec.name, reading)
}

const unknown = (name: string): Finding => ({
  says: 'no broker tells its time (ZooKeeper, or before 3.3)',
  problems: [
    diagnostic({
      code: 'FERRY2003',
      severity: 'warning',
      detail: `${name} cannot be asked for its time. Deadlines and the ages of records are compared with the clock of this machine.`,
      fix: 'Ask the operators: are the brokers, and the machine that runs Ferry, set by NTP?',
    }),
  ],
})

/** Apart beyond doubt: by more than is tolerated even if the answer was as late or as early as it can have been. */
export const judgeClock = (name: string, reading: ClockReading): Finding => {
  const { of, aheadMs, uncertaintyMs } = reading
  const how = aheadMs < 0 ? 'behind' : 'ahead of'
  const says = `${of} is ${Math.abs(aheadMs)} ms ${how} this machine, give or take ${uncertaintyMs} ms (DescribeQuorum)`
  if (Math.abs(aheadMs) - uncertaintyMs <= TOLERATED_MS) return { says }
  return {
    says,
    problems: [
      diagnostic({
        code: 'FERRY2002',
        severity: 'warning',
        detail: `The clock of ${name} (${of}) is ${Math.abs(aheadMs)} ms ${how} that of this machine: deadlines that Ferry prints are off by as much.`,
        fix: 'Set both clocks by NTP.',
      }),
    ],
  }
}
