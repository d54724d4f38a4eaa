import { deepStrictEqual, ok } from 'node:assert/strict'
import { Soak, type SoakOptions } from './_soak.ts'
import { STRUCK } from './_strikes.ts'

/** So that what went wrong once can be had again, as far as clocks allow. */
const seed = Number(process.env.FERRY_TEST_SEED ?? Date.now() % 1_000_000)

/** A service is moved, taken back and moved again while everything is killed: it handles every record, and none twice but by its own doing. */
export const soak = async (options: Omit<SoakOptions, 'seed' | 'say'>): Promise<void> => {
  const began = performance.now()
  const say = (line: string) => {
    const at = ((performance.now() - began) / 1000).toFixed(1)
    process.stderr.write(`${at.padStart(7)} s  ${line}\n`)
  }
  say(`FERRY_TEST_SEED=${seed}`)
  const { kills, counts, cleaned, wrongs } = await new Soak({ ...options, seed, say }).run()
  say(`${JSON.stringify({ ...counts, cleaned })} ${JSON.stringify(kills)}`)
  deepStrictEqual(wrongs.slice(0, 20), [])
  for (const what of ['apply', 'rollback', ...STRUCK]) {
    ok((kills[what] ?? 0) > 0, `${what} was never killed`)
  }
  ok(counts.acknowledged > 100)
  ok(counts.committed > 100, 'no commit was acknowledged: nothing could be handled again')
  ok(cleaned > 0 || !options.compacted, 'no cleaner has taken anything')
}
