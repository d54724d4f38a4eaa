import { expect, test } from 'vitest'
import type { ClusterSpec } from '../../src/domain/migration.ts'
import { LinkLost } from '../../src/kafka/cluster.ts'
import { ErrorCode } from '../../src/kafka/error-codes.ts'
import { FaultReporter } from '../../src/kafka/faults.ts'

/** How errors are told; that brokers answer so is the contract's. */

const reporter = new FaultReporter({ name: 'old' } as ClusterSpec)
const asked = {
  what: 'read the commits of group api',
  right: { operation: 'DESCRIBE', resourceType: 'GROUP', resourceName: 'api' },
} as const

test('a request whose answer was lost is sent again only where that does no harm', () => {
  for (const lostIs of ['retriable', 'final'] as const) {
    const fault = reporter.ofError(new LinkLost('broker 1 closed the connection'), asked, lostIs)
    expect(fault.retriable).toBe(lostIs === 'retriable')
    expect(fault.diagnostic).toMatchObject({
      code: 'FERRY1212',
      detail: 'old: broker 1 closed the connection. Asked was: read the commits of group api.',
    })
  }
})

test('a commit in an open transaction is told apart, and asked for again', () => {
  const fault = reporter.ofCode(ErrorCode.UNSTABLE_OFFSET_COMMIT, asked)
  expect([fault.diagnostic.code, fault.retriable]).toEqual(['FERRY1214', true])
})
