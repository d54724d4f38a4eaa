import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FileStore } from '../../src/state/file-store.ts'
import { codesOf, holder } from './samples.ts'

/** What other processes do right before this one claims a file, having looked before. */
let meanwhile: (() => Promise<void>) | undefined
vi.mock('../../src/state/durable-files.ts', async (importActual) => {
  const actual = await importActual<typeof import('../../src/state/durable-files.ts')>()
  return {
    ...actual,
    claimFile: async (file: string, content: string) => {
      const others = meanwhile
      meanwhile = undefined
      await others?.()
      return actual.claimFile(file, content)
    },
  }
})

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-race-'))
})
afterEach(() => rm(directory, { recursive: true }))

const here = holder({ host: hostname() })
const dead = holder({ host: hostname(), pid: 2 ** 30, user: 'gone' })
const open = () => new FileStore(directory)

const takeAndRelease = async (times: number) => {
  for (let i = 0; i < times; i++) await (await open().lock('orders', here)).release()
}

test('who looked before others took over, released and took again does not get the lock', async () => {
  await open().lock('orders', dead)
  meanwhile = async () => {
    // So often that the number which this one is about to claim was used and cleaned away.
    await takeAndRelease(3)
    await open().lock('orders', { ...here, user: 'omar' })
  }
  const late = open()
  expect(await codesOf(late.lock('orders', here))).toEqual(['FERRY1406'])
  expect((await late.lockHolder('orders'))?.user).toBe('omar')
})

test('who looked before others took over and released gets the lock, without taking it over again', async () => {
  await open().lock('orders', dead)
  meanwhile = () => takeAndRelease(3)
  expect((await open().lock('orders', here)).takenOverFrom).toBeUndefined()
})

test('a holder whose lock is broken right before it releases leaves the next one alone', async () => {
  const lock = await open().lock('orders', here)
  meanwhile = async () => {
    await open().breakLock('orders')
    await open().lock('orders', { ...here, user: 'omar' })
  }
  await lock.release()
  expect((await open().lockHolder('orders'))?.user).toBe('omar')
})
