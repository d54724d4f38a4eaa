import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { run } from '../../src/cli/run.ts'
import { type MigrationState, NO_REVERSE } from '../../src/domain/state.ts'
import { decodeContent, encodeContent } from '../../src/state/content-codec.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { fullState, holder, LINEAGE, sampleChunk, sampleProgress } from '../state/samples.ts'
import { fakeServices } from './fake-services.ts'
import { streamsForTesting } from './streams-for-testing.ts'

let folder: string
let store: FileStore
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-state-'))
  store = new FileStore(join(folder, 'state'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const ferryOn =
  (on: FileStore) =>
  async (...argv: string[]) => {
    const streams = streamsForTesting()
    const services = { ...fakeServices({}), openStore: async () => on }
    const code = await run(argv, streams, services)
    return { code, stdout: streams.out(), stderr: streams.err() }
  }
const ferry = (...argv: string[]) => ferryOn(store)(...argv)

const ended = () =>
  store.appendJournal('orders', {
    at: '2026-01-01T00:00:00.000Z',
    plan: 'd',
    what: { kind: 'result', step: 'mirror/orders.events', outcome: 'done', facts: {} },
  })

const fill = async (serial = 2) => {
  const there = (await store.readDecisions('orders'))?.serial ?? 0
  for (let each = there + 1; each <= serial; each++)
    await store.writeDecisions(fullState(each), each - 1)
  const what = { kind: 'intent', step: 'mirror/orders.events' } as const
  await store.appendJournal('orders', { at: '2026-01-01T00:00:00.000Z', plan: 'd', what })
  await store.writeProgress('orders', [sampleProgress('orders.events', 0)])
  await store.appendGaps('orders', [sampleChunk('orders.events', 0)])
}
const pulled = async () => {
  const file = join(folder, 'orders.state')
  expect(await ferry('state', 'pull', 'orders', '-o', file)).toMatchObject({ code: 0, stdout: '' })
  return file
}
/** What was pulled, with other decisions. */
const edited = async (file: string, change: object) => {
  const content = decodeContent(await readFile(file, 'utf8'), file)
  await writeFile(
    file,
    encodeContent({ ...content, decisions: { ...content.decisions, ...change } }),
  )
}

describe('state', () => {
  test('list and show say what is recorded, who holds the lock, and what was left half done', async () => {
    expect(JSON.parse((await ferry('state', 'list')).stdout).states).toEqual([])
    await fill()
    await store.lock('orders', holder())
    const [only] = JSON.parse((await ferry('state', 'list')).stdout).states
    expect(only).toMatchObject({
      migration: 'orders',
      serial: 2,
      stage: 'consumers-moved',
      marks: 1,
      seals: 1,
      journalEntries: 1,
      openIntent: 'mirror/orders.events',
      lock: { user: 'ines', operation: 'apply orders' },
      backups: [{ name: '9e3b6f1e:1', lineage: LINEAGE, serial: 1, at: null }],
    })
    expect(JSON.parse((await ferry('state', 'show', 'orders')).stdout)).toMatchObject(only)
    expect((await ferry('state', 'show', 'billing')).code).toBe(64)
  })

  test('pull writes all of it, for its owner only; push brings it into another store', async () => {
    await fill()
    const file = await pulled()
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await ferry('state', 'pull', 'orders')).stdout).toBe(await readFile(file, 'utf8'))
    const other = new FileStore(join(folder, 'other'))
    const pushed = await ferryOn(other)('state', 'push', 'orders', file)
    expect(pushed).toMatchObject({ code: 0 })
    expect(pushed.stdout).toMatch(/orders is now at serial 2/)
    const again = decodeContent((await ferryOn(other)('state', 'pull', 'orders')).stdout, '')
    const content = decodeContent(await readFile(file, 'utf8'), file)
    expect(content.decisions.plan?.status).toBe('open')
    // What of that run was taken back in between nobody can tell: it needs a new plan.
    expect(again).toEqual({ ...content, decisions: { ...content.decisions, plan: null } })
    expect((await ferryOn(other)('state', 'push', 'orders', file)).stdout).toMatch(
      /recorded so already/,
    )
    expect(await other.lockHolder('orders')).toBeUndefined()
  })

  test.each([
    ['a lower serial', 3, {}, /serial 2, what is recorded has the later serial 3/],
    ['another lineage', 2, { lineage: 'other', serial: 9 }, /it is of lineage other/],
    ['an earlier state of one', 3, { lineage: 'other' }, /it is of lineage other/],
    ['the same serial with another content', 2, { stage: 'retired' }, /but another\s+content/],
  ])('push refuses %s, and --force keeps what was there', async (_, recorded, change, says) => {
    await fill()
    const file = await pulled()
    await edited(file, change)
    if (recorded > 2) await store.writeDecisions(fullState(3), 2)
    const refused = await ferry('state', 'push', 'orders', file)
    expect(refused.code).toBe(5)
    expect(refused.stderr).toContain('FERRY1421')
    expect(refused.stderr.replaceAll(/\s+/g, ' ')).toMatch(says)
    const forced = await ferry('state', 'push', 'orders', file, '--force')
    expect(forced).toMatchObject({ code: 0 })
    const now = await store.readDecisions('orders')
    // Never a serial that was there before, whatever the lineage: nobody would see the change, and a plan might still hold.
    expect(now?.serial).toBe('serial' in change ? 9 : recorded + 1)
    // Nor the run of one that was open then.
    expect(now?.plan).toBeNull()
    const backup = await ferry('state', 'pull', 'orders', '--backup', `9e3b6f1e:${recorded}`)
    expect(decodeContent(backup.stdout, '').decisions).toEqual(fullState(recorded))
  })

  test('pull --backup gives what was overwritten, and push puts it back', async () => {
    await fill(3)
    const old = await ferry('state', 'pull', 'orders', '--backup', '2')
    const { decisions, journal } = decodeContent(old.stdout, 'backup')
    expect([decisions, journal]).toEqual([fullState(2), []])
    const file = join(folder, 'old.state')
    await writeFile(file, old.stdout)
    expect((await ferry('state', 'push', 'orders', file)).stderr).toContain('FERRY1421')
    const pushed = await ferry('state', 'push', 'orders', file, '--force')
    expect(pushed.stdout).toMatch(/now at serial 4, .* --backup 9e3b6f1e:3\./)
    expect(await store.readDecisions('orders')).toEqual({ ...fullState(2), serial: 4, plan: null })
    expect((await ferry('state', 'pull', 'orders', '--backup', '1')).code).toBe(64)
  })

  test('push names the marks of which the file has no progress', async () => {
    await fill()
    const file = await pulled()
    const { marks, reverse } = fullState(1)
    const pushed = async (change: Partial<MigrationState>) => {
      await edited(file, { reverse: NO_REVERSE, ...change })
      const { code, stderr } = await ferry('state', 'push', 'orders', file)
      expect(code, stderr).toBe(0)
      return /FERRY1424 .* In this state (.*), and nothing of/.exec(
        stderr.replaceAll(/\s+/g, ' '),
      )?.[1]
    }
    expect(await pushed({ serial: 3 })).toBeUndefined()
    expect(await pushed({ serial: 4, reverse })).toBe('orders.events:0 on the way back has a mark')
    // Where nothing changes there is nothing to tell.
    expect(await pushed({ serial: 4, reverse })).toBeUndefined()
    // Of another mark it is void.
    const [mark] = marks
    expect(await pushed({ serial: 5, marks: [{ ...mark!, producerId: 5n }] })).toBe(
      'orders.events:0 has a mark',
    )
    const numbers = Array.from({ length: 12 }, (_, i) => i + 1)
    const others = numbers.map((partition) => ({ ...mark!, partition }))
    expect(await pushed({ serial: 6, marks: [mark!, ...others] })).toBe(
      `${numbers
        .slice(0, 10)
        .map((n) => `orders.events:${n}`)
        .join(', ')} and 2 more have marks`,
    )
  })

  test('pull --backup takes a serial in the lineage of now, and of others only with their name', async () => {
    const lineage = async (name: string, to: number) => {
      for (let serial = 1; serial <= to; serial++) {
        await store.writeDecisions({ ...fullState(serial), lineage: name }, serial - 1)
      }
    }
    const of = async (name: string) => {
      const { code, stdout, stderr } = await ferry('state', 'pull', 'orders', '--backup', name)
      return code === 0
        ? decodeContent(stdout, name).decisions
        : [code, stderr.replaceAll(/\s+/g, ' ')]
    }
    const forget = () => ferry('state', 'forget', 'orders', '--confirm', 'orders')
    await lineage('aaaaaaaa-1', 5)
    expect((await forget()).stdout).toContain('ferry state pull orders --backup aaaaaaaa:5.')
    await lineage('bbbbbbbb-1', 8)
    const shown = JSON.parse((await ferry('state', 'show', 'orders')).stdout)
    expect(shown.backups.map(({ name }: { name: string }) => name)).toEqual([
      'aaaaaaaa:5',
      ...[1, 2, 3, 4, 5, 6, 7].map((serial) => `bbbbbbbb:${serial}`),
    ])
    expect(await of('5')).toMatchObject({ lineage: 'bbbbbbbb-1', serial: 5 })
    expect(await of('aaaaaaaa:5')).toEqual({ ...fullState(5), lineage: 'aaaaaaaa-1' })
    await forget()
    await lineage('aaaaaaaa-2', 6)
    expect(await of('8')).toEqual([
      64,
      expect.stringMatching(
        /no backup 8 .* its lineage, aaaaaaaa-2\. Of others there are: bbbbbbbb:8 \(lineage bbbbbbbb-1, no journal\)/,
      ),
    ])
    expect(await of('5')).toMatchObject({ lineage: 'aaaaaaaa-2' })
    expect(await of('aaaaaaaa:5')).toEqual([
      64,
      expect.stringMatching(/2 backups .*: aaaaaaaa-1:5 \(.*; aaaaaaaa-2:5 \(/),
    ])
    expect(await of('aaaaaaaa-1:5')).toEqual({ ...fullState(5), lineage: 'aaaaaaaa-1' })
    await forget()
    expect(await of('6')).toMatchObject({ lineage: 'aaaaaaaa-2' })
    // What was forgotten, put back and changed is there twice.
    const file = join(folder, 'a.state')
    await ferry('state', 'pull', 'orders', '--backup', 'aaaaaaaa-2:6', '-o', file)
    await edited(file, { stage: 'retired' })
    await ferry('state', 'push', 'orders', file)
    await forget()
    const [, refusal = ''] = (await of('6')) as [number, string]
    const both = refusal.match(/aaaaaaaa:6:[0-9a-f]{16}(?= \()/g) ?? []
    const was = { ...fullState(6), lineage: 'aaaaaaaa-2' }
    const given = await Promise.all(both.map(of))
    expect(given).toHaveLength(2)
    expect(given).toEqual(expect.arrayContaining([was, { ...was, stage: 'retired', plan: null }]))
    for (const wrong of ['x', 'a:', ':5', '0', 'a:5:x', 'a:5:']) {
      expect(await of(wrong)).toEqual([64, expect.stringContaining('FERRY1105')])
    }
  })

  test('push refuses a file that was changed, cut off, of another migration, or locked', async () => {
    await fill()
    const file = await pulled()
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace('"serial": 2', '"serial": 3'))
    expect((await ferry('state', 'push', 'orders', file)).stderr).toMatch(/FERRY1402/)
    for (const other of [text.slice(0, 100), '', '# ferry.yaml\nkind: Project\n', 'null', '{}']) {
      await writeFile(file, other)
      const { code, stderr } = await ferry('state', 'push', 'orders', file)
      expect([code, stderr.split('\n')[0]]).toEqual([1, 'error FERRY1402 Not a state'])
      expect(stderr).toContain('fix: Give a file that ferry state pull wrote.')
    }
    await writeFile(file, text)
    expect((await ferry('state', 'push', 'billing', file)).code).toBe(64)
    expect((await ferry('state', 'push', 'orders', join(folder, 'none'))).stderr).toMatch(
      /FERRY1001/,
    )
    await store.lock('orders', holder())
    expect((await ferry('state', 'push', 'orders', file)).code).toBe(6)
  })

  test('forget asks for the name of what is in use, keeps a backup, and refuses nothing else', async () => {
    await fill()
    const refused = await ferry('state', 'forget', 'orders')
    expect(refused.code).toBe(4)
    expect(refused.stderr).toMatch(/FERRY1422/)
    expect((await ferry('state', 'forget', 'orders', '--confirm', 'billing')).code).toBe(4)
    expect(await store.list()).toEqual(['orders'])
    expect(await ferry('state', 'forget', 'orders', '--confirm', 'orders')).toMatchObject({
      code: 0,
    })
    expect(await store.list()).toEqual([])
    expect((await ferry('state', 'forget', 'orders')).stdout).toMatch(/Nothing is recorded/)
    const file = join(folder, 'backup')
    expect((await ferry('state', 'pull', 'orders', '--backup', '2', '-o', file)).code).toBe(0)
    expect((await ferry('state', 'push', 'orders', file)).code).toBe(0)
    expect((await store.readDecisions('orders'))?.serial).toBe(2)
    await store.writeDecisions({ ...fullState(3), stage: 'retired' }, 2)
    await ended()
    expect((await ferry('state', 'forget', 'orders')).code).toBe(0)
  })

  test('what a run had begun that is gone is not lost by a push of what does not know it, nor by a forget, and who held the lock is named', async () => {
    const gone = { ...holder(), pid: spawnSync('true').pid }
    await store.writeDecisions({ ...fullState(1), stage: 'retired' }, 0)
    const before = await pulled()
    await edited(before, { serial: 2 })
    await fill(1)
    const known = join(folder, 'known.state')
    await ferry('state', 'pull', 'orders', '-o', known)
    await edited(known, { serial: 3 })
    const taken = /FERRY1425.* taken over from ines@.*It had begun mirror\/orders\.events/
    const again = async (...argv: string[]) => {
      await new FileStore(join(folder, 'state')).lock('orders', gone)
      const { code, stderr } = await ferry('state', ...argv)
      return [code, stderr.replaceAll(/\s+/g, ' ')] as const
    }
    expect(await again('push', 'orders', before)).toEqual([5, expect.stringMatching(taken)])
    expect(await again('push', 'orders', before)).toEqual([
      5,
      expect.stringMatching(/FERRY1421.*the last run had begun mirror\/orders\.events/),
    ])
    expect(await again('forget', 'orders')).toEqual([
      4,
      expect.stringMatching(/FERRY1422.*had begun mirror\/orders\.events/),
    ])
    // It knows of that step: who applies looks at it.
    expect(await again('push', 'orders', known)).toEqual([0, expect.stringMatching(taken)])
    expect(await again('forget', 'orders', '--confirm', 'orders')).toEqual([
      0,
      expect.stringMatching(taken),
    ])
  })

  test.each([
    [['state'], /argument/],
    [['state', 'destroy'], /list, show, pull, push, forget/],
    [['state', 'show'], /ferry state show NAME/],
    [['state', 'push', 'orders'], /ferry state push NAME FILE/],
    [['state', 'list', 'orders'], /takes nothing more/],
  ])('%j is a usage error', async (argv, says) => {
    const { code, stderr } = await ferry(...argv)
    expect([code, stderr.replaceAll(/\s+/g, ' ')]).toEqual([64, expect.stringMatching(says)])
  })
})
