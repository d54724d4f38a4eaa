import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { run } from '../../src/cli/run.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { fakeServices } from './fake-services.ts'
import { streamsForTesting } from './streams-for-testing.ts'

const HOLDER = {
  user: 'ana',
  host: 'elsewhere',
  pid: 4711,
  operation: 'apply',
  since: '2026-11-22T10:00:00.000Z',
}

describe('unlock', () => {
  let folder: string
  let store: FileStore
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ferry-unlock-'))
    store = new FileStore(folder)
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const ferry = async (...argv: string[]) => {
    const streams = streamsForTesting()
    const services = { ...fakeServices({}), openStore: async () => store }
    const code = await run(argv, streams, services)
    return { code, stdout: streams.out(), stderr: streams.err() }
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
})
