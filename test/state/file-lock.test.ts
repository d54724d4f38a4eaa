import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileStore } from '../../src/state/file-store.ts'
import { encodeRecord } from '../../src/state/records.ts'
import { codesOf, holder } from './samples.ts'

let directory: string
let store: FileStore
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-lock-'))
  store = new FileStore(directory)
})
afterEach(() => rm(directory, { recursive: true }))

const file = (...parts: string[]) => join(directory, 'orders', ...parts)
const reopened = () => new FileStore(directory)
const edit = async (name: string, change: (text: string) => string) =>
  writeFile(file(name), change(await readFile(file(name), 'utf8')))

describe('lock', () => {
  /** The number of a process that has ended. */
  const deadPid = async () => {
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    return child.pid!
  }
  const here = (over = {}) => holder({ host: hostname(), ...over })

  test('of a process killed while it wrote is taken over', async () => {
    const child = spawn(process.execPath, [
      '--import',
      'tsx',
      join(import.meta.dirname, 'write-forever.ts'),
      directory,
    ])
    await once(child.stdout, 'data')
    expect(await codesOf(store.lock('orders', here()))).toEqual(['FERRY1406'])
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await store.lock('orders', here())).takenOverFrom?.pid).toBe(child.pid)
  })

  /** Rewrites the process in the lock file as another writer would have written it. */
  const otherProcess = async (change: object) => {
    await edit('lock/1.json', (text) => {
      const { checksum: _, ...content } = JSON.parse(text)
      return encodeRecord({ ...content, process: { ...content.process, ...change } })
    })
  }

  test('is taken over where another process has the number of its holder now', async () => {
    await store.lock('orders', here())
    await otherProcess({ started: '1' })
    expect((await reopened().lock('orders', here())).takenOverFrom).toEqual(here())
  })

  test('is taken over after this machine was started again', async () => {
    await store.lock('orders', here())
    await otherProcess({ boot: 'before', machine: 'm' })
    expect(await codesOf(reopened().lock('orders', here()))).toEqual(['FERRY1406'])
    const machine = await readFile('/etc/machine-id', 'utf8').then(
      (t) => t.trim(),
      () => '',
    )
    if (machine === '') return
    await otherProcess({ boot: 'before', machine })
    expect((await reopened().lock('orders', here())).takenOverFrom).toEqual(here())
  })

  test.each([
    ['on another host', { host: 'elsewhere' }],
    ['in another container', { pidNamespace: 'pid:[1]' }],
  ])('of a process %s is never taken over', async (_, change) => {
    await store.lock('orders', here({ pid: await deadPid() }))
    await otherProcess(change)
    expect(await codesOf(reopened().lock('orders', here()))).toEqual(['FERRY1406'])
  })

  test('of a dead process goes to exactly one of many contenders, also where some look with old eyes', async () => {
    const pid = await deadPid()
    for (let round = 0; round < 20; round++) {
      const place = join(directory, `${round}`)
      await new FileStore(place).lock('orders', here({ pid }))
      const contenders = Array.from({ length: 8 }, () => new FileStore(place))
      const got = await Promise.allSettled(contenders.map((s) => s.lock('orders', here())))
      const locks = got.flatMap((g) => (g.status === 'fulfilled' ? [g.value] : []))
      expect(locks.map((l) => l.takenOverFrom?.pid)).toEqual([pid])
    }
  })

  test('is never held by two while many take, crash and release', async () => {
    const pid = await deadPid()
    let inside = 0
    let taken = 0
    const contender = async (number: number) => {
      const mine = new FileStore(directory)
      for (let mineTaken = 0; mineTaken < 5; ) {
        const crash = (mineTaken + number) % 3 === 0
        const lock = await mine
          .lock('orders', here({ pid: crash ? pid : process.pid }))
          .catch(() => undefined)
        if (!lock) continue
        mineTaken++
        taken++
        // A crashed holder is dead at once: it does nothing that could overlap.
        if (crash) continue
        expect(++inside).toBe(1)
        await store.readJournal('orders')
        inside--
        await lock.release()
      }
    }
    await Promise.all(Array.from({ length: 6 }, (_, i) => contender(i)))
    expect(taken).toBe(30)
    expect(
      (await readdir(file('lock'))).filter((n) => n.endsWith('.json')).length,
    ).toBeLessThanOrEqual(3)
  })

  test('that is damaged is an error that names the file', async () => {
    await store.lock('orders', here())
    await writeFile(file('lock', '1.json'), '')
    await expect(reopened().lock('orders', here())).rejects.toThrow(file('lock', '1.json'))
  })
})
