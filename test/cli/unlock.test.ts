import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { run } from '../../src/cli/run.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { HOLDER } from './_holder.ts'
import { fakeServices } from './fake-services.ts'
import { streamsForTesting } from './streams-for-testing.ts'

describe('unlock', () => {
  let folder: string
  let store: FileStore
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ferry-unlock-'))
    store = new FileStore(folder)
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const ferry = (...argv: string[]) => ferryAsked([], ...argv)
  /** With somebody at the terminal who types these answers. */
  const ferryAsked = async (answers: readonly string[], ...argv: string[]) => {
    const streams = streamsForTesting({ tty: answers.length > 0, answers })
    const services = { ...fakeServices({}), openStore: async () => store }
    const code = await run(argv, streams, services)
    return { code, stdout: streams.out(), stderr: streams.err(), asked: streams.asked }
  }

  test('names the holder, and frees the lock only if the name is given once more', async () => {
    await store.lock('orders', HOLDER)
    const asked = await ferry('unlock', 'orders')
    expect(asked.code).toBe(64)
    expect(asked.stderr).toMatch(/ana\s+on\s+elsewhere,\s+process\s+4711/)
    expect(await store.lockHolder('orders')).toMatchObject(HOLDER)

    const freed = await ferry('unlock', 'orders', '--confirm', 'orders')
    expect(freed).toMatchObject({
      code: 0,
      stdout: 'Freed the lock of ana on elsewhere, process 4711.\n',
    })
    expect(await store.lockHolder('orders')).toBeUndefined()
    expect((await ferry('unlock', 'orders')).stdout).toBe('orders is not locked.\n')
  })

  test('asks who sits at the terminal, and takes only the name', async () => {
    await store.lock('orders', HOLDER)
    for (const answer of ['yes', 'order', '']) {
      const refused = await ferryAsked([answer], 'unlock', 'orders')
      expect(refused.asked).toHaveLength(1)
      expect(refused.asked[0]).toMatch(
        /orders is locked by ana on elsewhere, process 4711: apply, .*\n.*its next write is refused.* type orders: $/,
      )
      expect(refused.stderr).toContain('FERRY1107')
      expect(refused.code).not.toBe(0)
      expect(await store.lockHolder('orders')).toMatchObject(HOLDER)
    }
    const freed = await ferryAsked(['orders'], 'unlock', 'orders')
    expect(freed).toMatchObject({
      code: 0,
      stdout: 'Freed the lock of ana on elsewhere, process 4711.\n',
    })
    expect(await store.lockHolder('orders')).toBeUndefined()
  })

  test('another name given once more frees nothing', async () => {
    await store.lock('orders', HOLDER)
    expect((await ferry('unlock', 'orders', '--confirm', 'payments')).code).toBe(64)
    expect(await store.lockHolder('orders')).toMatchObject(HOLDER)
  })
})
