import { expect, test } from 'vitest'
import type { PartitionKey } from '../../src/domain/ids.ts'
import { listPartitions, partitionsListed } from '../../src/domain/partition-list.ts'

const keys = (...all: string[]) => all as PartitionKey[]

test.each([
  [[], {}],
  [keys('b:0', 'a:2', 'a:0', 'a:1', 'a:10'), { a: '0-2,10', b: '0' }],
  [keys('a:4', 'a:6', 'a:7'), { a: '4,6-7' }],
])('partitions are listed by topic, in runs, and read back: %j', (given, listed) => {
  expect(listPartitions(given)).toEqual(listed)
  expect([...partitionsListed(listed as never)].sort()).toEqual([...given].sort())
})
