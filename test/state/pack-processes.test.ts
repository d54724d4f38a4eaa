import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { FileProgress } from '../../src/state/file-progress.ts'

interface Speaker {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  /** The partitions that it has; undefined: it was killed before it said so. */
  readonly say: (generation: number) => Promise<readonly number[] | undefined>
}

const startSpeaker = async (folder: string): Promise<Speaker> => {
  const script = join(import.meta.dirname, 'speak.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe('ready')
  return {
    child,
    say: async (generation) => {
      child.stdin.write(`${generation}\n`)
      const { value } = await lines.next()
      if (value === undefined) return undefined
      expect(value).toMatch(/^[0-9 ]*$/)
      return value === '' ? [] : value.split(' ').map(Number)
    },
  }
}

const PARTITIONS = Array.from({ length: 10 }, (_, partition) => partition)

test('of two processes that take the same generation each partition has one, which both know; where one is killed in between, what the other one was told stands', {
  timeout: 300_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-speakers-'))
  const speakers: Speaker[] = []
  try {
    speakers.push(await startSpeaker(folder), await startSpeaker(folder))
    const had = new Set<number>()
    for (let generation = 1; generation <= 40; generation++) {
      const [first, second] = speakers as [Speaker, Speaker]
      const isKilled = generation % 4 === 0
      const answers = Promise.all([first.say(generation), second.say(generation)])
      // The moment is left to chance: it matters only that many are tried.
      if (isKilled) setTimeout(() => second.child.kill('SIGKILL'), Math.random() * 12)
      const [ofFirst, ofSecond] = await answers
      const found = new Map(
        (await new FileProgress(folder).read()).map(({ value }) => [value.partition, value.holder]),
      )
      expect([...found.keys()].sort()).toEqual(PARTITIONS)
      for (const [partition, holder] of found) {
        expect(holder.generation).toBe(generation)
        expect(holder.pid === first.child.pid).toBe(ofFirst?.includes(partition))
        if (ofSecond) expect(holder.pid === second.child.pid).toBe(ofSecond.includes(partition))
        had.add(speakers.findIndex(({ child }) => child.pid === holder.pid))
      }
      if (!isKilled) continue
      if (second.child.exitCode === null && second.child.signalCode === null) {
        await once(second.child, 'exit')
      }
      speakers[1] = await startSpeaker(folder)
    }
    expect([...had].sort()).toEqual([0, 1])
    // Those of the killed went with whoever came next.
    expect(
      (await readdir(folder)).filter((name) => name.startsWith('pack')).length,
    ).toBeLessThanOrEqual(4)
  } finally {
    for (const { child } of speakers) child.kill('SIGKILL')
    await rm(folder, { recursive: true })
  }
})
