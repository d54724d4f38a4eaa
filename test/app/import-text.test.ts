import fc from 'fast-check'
import { expect, test } from 'vitest'
import { human } from '../../src/app/import-text.ts'
import { normaliseTopicConfig } from '../../src/config/topic-configs.ts'

test.each([
  ['retention.ms', '604800000', '7d'],
  ['retention.ms', '9223372036854775807', '9223372036854775807'],
  ['retention.ms', '-1', '-1'],
  ['retention.bytes', '-1', '-1'],
  ['max.message.bytes', '1048576', '1MiB'],
  ['max.message.bytes', '1048588', '1048588'],
  ['max.message.bytes', '1536000', '1536000'],
  ['max.message.bytes', '10486784', '10486784'],
  ['retention.bytes', '1610612736', '1610612736'],
  ['cleanup.policy', 'compact,delete', 'compact,delete'],
])('%s of %s is imported as %s', (key, value, written) => expect(human(key, value)).toBe(written))

test('what import writes of a config is read as what the source has', () => {
  const unit = fc.constantFrom(
    1n,
    1000n,
    1024n,
    60_000n,
    1n << 20n,
    3_600_000n,
    1n << 30n,
    86_400_000n,
  )
  const value = fc.oneof(
    fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
    fc.tuple(fc.bigInt({ min: 0n, max: 100_000n }), unit).map(([count, size]) => count * size),
  )
  fc.assert(
    fc.property(
      fc.constantFrom('retention.ms', 'retention.bytes', 'max.message.bytes'),
      value,
      (key, it) => {
        expect(normaliseTopicConfig(key, human(key, String(it)), undefined)).toBe(String(it))
      },
    ),
    { numRuns: 1000 },
  )
})
