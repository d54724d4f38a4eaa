import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFile,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { sha256 } from '../../src/domain/canonical-json.ts'
import type { PartitionKey } from '../../src/domain/ids.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import { encodeContent } from '../../src/state/content-codec.ts'
import { encodeDecisions } from '../../src/state/decisions-codec.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { gapsOfShape } from '../_gap-shapes.ts'
import { describeStateStore } from './contract.ts'
import { AT, codesOf, fullState, holder, LINEAGE, sampleChunk, sampleProgress } from './samples.ts'

/** What happens right behind the next look into a folder. */
const looked = vi.hoisted((): { next?: (() => Promise<void>) | undefined } => ({}))
vi.mock('../../src/state/durable-files.ts', async (original) => {
  const actual = await original<typeof import('../../src/state/durable-files.ts')>()
  const namesIn: typeof actual.namesIn = async (folder) => {
    const names = await actual.namesIn(folder)
    const { next } = looked
    looked.next = undefined
    await next?.()
    return names
  }
  return { ...actual, namesIn }
})

describeStateStore('the file store', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-state-'))
  const children: ChildProcess[] = []
  return {
    open: async () => new FileStore(directory),
    putWritten: async ({ decisions, journal, progress, gaps }) => {
      const folder = join(directory, 'orders')
      await mkdir(join(folder, 'progress'), { recursive: true })
      await writeFile(join(folder, 'decisions.json'), decisions)
      await writeFile(join(folder, 'journal.jsonl'), journal.map((line) => `${line}\n`).join(''))
      const of = join(folder, 'progress', 'orders.events-0')
      await writeFile(`${of}.json`, progress)
      if (gaps !== undefined) await writeFile(`${of}.gaps.jsonl`, `${gaps}\n`)
    },
    openSleeper: async () => {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)'])
      children.push(child)
      await once(child, 'spawn')
      return {
        store: new FileStore(directory),
        holder: holder({ host: hostname(), pid: child.pid!, user: 'gone' }),
        ends: async () => {
          child.kill('SIGKILL')
          await once(child, 'exit')
          return new FileStore(directory)
        },
      }
    },
    remove: async () => {
      for (const child of children) child.kill('SIGKILL')
      await rm(directory, { recursive: true })
    },
  }
})

let directory: string
let store: FileStore
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-state-'))
  store = new FileStore(directory)
})
afterEach(() => rm(directory, { recursive: true }))

const file = (...parts: string[]) => join(directory, 'orders', ...parts)
const reopened = () => new FileStore(directory)
const append = (step: string, to = store) =>
  to.appendJournal('orders', { at: AT, plan: 'd', what: { kind: 'intent', step } })
const journalSteps = async (from = store) =>
  (await from.readJournal('orders')).map((e) => (e.what.kind === 'intent' ? e.what.step : ''))
const edit = async (name: string, change: (text: string) => string) =>
  writeFile(file(name), change(await readFile(file(name), 'utf8')))

describe('files', () => {
  test('are for the owner only', async () => {
    const inner = new FileStore(join(directory, '.ferry'))
    await inner.writeDecisions(fullState(1), 0)
    await inner.appendJournal('orders', { at: AT, plan: 'd', what: { kind: 'plan-started' } })
    await inner.writeProgress('orders', [sampleProgress('a', 0)])
    await inner.lock('orders', holder())
    const modes = new Set<string>()
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name))
      modes.add(`${entry.isDirectory() ? 'folder' : 'file'} ${(mode & 0o777).toString(8)}`)
    }
    expect([...modes].sort()).toEqual(['file 600', 'folder 700'])
  })

  test('that were never written are not made by reading', async () => {
    await store.readDecisions('orders')
    await store.readJournal('orders')
    await store.readProgress('orders')
    await store.lockHolder('orders')
    expect(await readdir(directory)).toEqual([])
  })

  test('that crashed writers left are removed when they are old, not when they are fresh', async () => {
    await store.writeDecisions(fullState(1), 0)
    const old = new Date(Date.now() - 2 * 3_600_000)
    await writeFile(file('.old.tmp'), '')
    await utimes(file('.old.tmp'), old, old)
    await writeFile(file('.fresh.tmp'), '')
    await store.lock('orders', holder())
    const left = (await readdir(file())).filter((name) => name.endsWith('.tmp'))
    expect(left).toEqual(['.fresh.tmp'])
  })

  if (process.getuid?.() !== 0)
    test('that cannot be written give a diagnostic, not a bare error', async () => {
      await chmod(directory, 0o500)
      expect(await codesOf(store.writeDecisions(fullState(1), 0))).toEqual(['FERRY1405'])
      await chmod(directory, 0o700)
    })

  test('in whose place there is something else give a diagnostic', async () => {
    await writeFile(join(directory, 'orders'), 'a file')
    expect(await codesOf(store.readDecisions('orders'))).toEqual(['FERRY1405'])
    expect(await codesOf(store.lock('orders', holder()))).toEqual(['FERRY1405'])
  })
})

describe('decisions', () => {
  test('keep the last twenty as backups that restore by copying', async () => {
    for (let serial = 1; serial <= 25; serial++)
      await store.writeDecisions(fullState(serial), serial - 1)
    const backups = (await readdir(file())).filter((name) => /^decisions\.\d+\.json$/.test(name))
    expect(backups.length).toBe(20)
    await cp(file('decisions.24.json'), file('decisions.json'))
    await rm(file('decisions.25.json'))
    expect(await store.readDecisions('orders')).toEqual(fullState(24))
  })

  test('that were kept under their serial alone, as before, are backups; those that do not say how long the journal was are none', async () => {
    for (const serial of [1, 2, 3]) await store.writeDecisions(fullState(serial), serial - 1)
    const content = { decisions: { ...fullState(7), lineage: 'a' }, journal: [], progress: [] }
    const text = encodeContent(content)
    await mkdir(file('backup'))
    await writeFile(file('backup', '7.json'), text)
    await writeFile(file('decisions.1.json'), encodeDecisions(fullState(1)))
    const found = await store.backups('orders')
    expect(found.map(({ lineage, serial }) => [lineage, serial])).toEqual([
      [LINEAGE, 2],
      ['a', 7],
    ])
    expect(await store.backup('orders', found[1]!)).toBe(text)
  })

  test('that a crash left claimed but not copied count as written', async () => {
    await store.writeDecisions(fullState(1), 0)
    const before = await readFile(file('decisions.json'))
    await store.writeDecisions(fullState(2), 1)
    await writeFile(file('decisions.json'), before)
    expect(await store.readDecisions('orders')).toEqual(fullState(2))
    await store.writeDecisions(fullState(3), 2)
    await rm(file('decisions.json'))
    await rm(file('decisions.3.json'))
    await rm(file('decisions.2.json'))
    expect(await store.readDecisions('orders')).toEqual(fullState(1))
  })

  test('that are lost while others of their files remain are an error, never "never applied"', async () => {
    for (let serial = 1; serial <= 22; serial++)
      await store.writeDecisions(fullState(serial), serial - 1)
    await rm(file('decisions.json'))
    await expect(store.readDecisions('orders')).rejects.toThrow('decisions.22.json is there')
    for (const name of await readdir(file())) await rm(file(name))
    await append('a')
    await expect(store.readDecisions('orders')).rejects.toThrow('journal.jsonl is there')
  })

  test.each([
    [
      'a digit changed',
      (t: string) => t.replace('9007199254740993', '9007199254740992'),
      '/checksum',
    ],
    ['cut off', (t: string) => t.slice(0, -40), 'is not JSON'],
    ['empty', () => '', 'is not JSON'],
    ['a list', () => '[]', 'expected an object'],
    ['null', () => 'null', 'expected an object'],
    ['no version', () => '{}', '/formatVersion'],
  ])('that are damaged (%s) are refused, naming file and place', async (_, change, says) => {
    await store.writeDecisions(fullState(1), 0)
    await edit('decisions.json', change)
    expect(await codesOf(store.readDecisions('orders'))).toEqual(['FERRY1402'])
    await expect(store.readDecisions('orders')).rejects.toThrow(file('decisions.json'))
    await expect(store.readDecisions('orders')).rejects.toThrow(says)
  })

  test('in the folder of another migration are refused', async () => {
    await store.writeDecisions(fullState(1), 0)
    await cp(file(), join(directory, 'payments'), { recursive: true })
    expect(await codesOf(store.readDecisions('payments'))).toEqual(['FERRY1402'])
  })

  test('whose numbered file holds another serial or lineage are refused', async () => {
    await store.writeDecisions(fullState(1), 0)
    await cp(file('decisions.1.json'), file('decisions.2.json'))
    await expect(store.readDecisions('orders')).rejects.toThrow('holds serial 1')
    const other = new FileStore(join(directory, 'other'))
    for (const serial of [1, 2])
      await other.writeDecisions({ ...fullState(serial), lineage: 'x' }, serial - 1)
    await cp(join(directory, 'other', 'orders', 'decisions.2.json'), file('decisions.2.json'))
    await expect(store.readDecisions('orders')).rejects.toThrow('holds lineage x')
  })
})

describe('progress', () => {
  test('that is damaged or in the wrong file is an error, not less progress', async () => {
    await store.writeProgress('orders', [sampleProgress('a', 0)])
    await cp(file('progress', 'a-0.3.json'), file('progress', 'a-1.3.json'))
    await expect(store.readProgress('orders')).rejects.toThrow('holds the progress of a:0')
    await writeFile(file('progress', 'a-1.3.json'), '')
    expect(await codesOf(store.readProgress('orders'))).toEqual(['FERRY1402'])
  })

  test('of an earlier version, with one file for all holders, is read, and goes with the first word of the next one', async () => {
    const of = (generation: number) =>
      sampleProgress('a', 0, { holder: { host: 'laptop', pid: 1, generation } })
    await store.writeProgress('orders', [of(3)])
    await rename(file('progress', 'a-0.3.json'), file('progress', 'a-0.json'))
    const key = 'a:0' as PartitionKey
    expect((await store.readProgress('orders')).get(key)).toEqual(of(3))
    await new FileStore(directory).writeProgress('orders', [of(4)])
    expect((await store.readProgress('orders')).get(key)).toEqual(of(4))
    expect(await readdir(file('progress'))).toEqual(['a-0.4.json'])
  })

  test('is there at every moment while holders follow one another', async () => {
    const of = (generation: number) =>
      Array.from({ length: 30 }, (_, partition) =>
        sampleProgress('a', partition, { holder: { host: 'laptop', pid: 1, generation } }),
      )
    await store.writeProgress('orders', of(1))
    let isWriting = true
    const writing = (async () => {
      for (let generation = 2; generation < 40; generation++) {
        await new FileStore(directory).writeProgress('orders', of(generation))
      }
      isWriting = false
    })()
    const sizes = new Set<number>()
    while (isWriting) sizes.add((await store.readProgress('orders')).size)
    await writing
    expect([...sizes]).toEqual([30])
  })

  const holderOf = (generation: number) => ({ host: 'laptop', pid: 1, generation })
  const progressOf = (generation: number, partition = 0) =>
    sampleProgress('a', partition, { holder: holderOf(generation) })
  const chunkOf = (generation: number, partition = 0) =>
    sampleChunk('a', partition, {
      generation,
      tenure: `of ${generation}`,
      gaps: GapList.of([{ from: 5n, to: BigInt(5 + generation) }]).bytesFrom(0),
    })
  /** Of each partition: who said it last, and how long its only gap is, by which it is known who stored it. */
  const seen = async (from = store) =>
    [...(await from.readProgress('orders')).values()].map(({ holder, gaps }) => [
      holder.generation,
      ...[...gaps].map(({ from, to }) => Number(to) - Number(from)),
    ])

  test('has the gaps of the latest holder, also where those of an earlier one appear beside them, which go with the next whole ones', async () => {
    const gaps = (generation: number) => file('progress', `a-0.${generation}.gaps.jsonl`)
    await store.writeProgress('orders', [progressOf(3)])
    await store.appendGaps('orders', [chunkOf(3)])
    const written = await readFile(gaps(3))
    await reopened().writeProgress('orders', [progressOf(4)])
    expect(await seen()).toEqual([[4, 3]])
    await reopened().appendGaps('orders', [chunkOf(4)])
    expect(await readdir(file('progress'))).toEqual(['a-0.4.gaps.jsonl', 'a-0.4.json'])
    // Who looked whether it comes late, slept, and writes now.
    await writeFile(gaps(3), written)
    expect(await seen()).toEqual([[4, 4]])
    await store.appendGaps('orders', [chunkOf(4)])
    expect(await readdir(file('progress'))).toEqual(['a-0.4.gaps.jsonl', 'a-0.4.json'])
  })

  test('has no gaps of an earlier holder beside what the next one has said since, when a file comes back that a reader had listed', async () => {
    const gaps = file('progress', 'a-0.5.gaps.jsonl')
    await store.writeProgress('orders', [progressOf(5)])
    await store.appendGaps('orders', [chunkOf(5)])
    const late = await readFile(gaps)
    const next = reopened()
    await next.writeProgress('orders', [progressOf(6)])
    looked.next = async () => {
      await next.appendGaps('orders', [chunkOf(6)])
      await next.writeProgress('orders', [{ ...progressOf(6), checkedTo: 2_000n as never }])
      await writeFile(gaps, late)
    }
    expect(await seen()).toEqual([[6, 6]])
  })

  test('is given gaps only behind the whole chunk that this holder has stored, not where another file of this name, as long, has taken its place', async () => {
    const gaps = file('progress', 'a-0.5.gaps.jsonl')
    const more = { ...chunkOf(5), isWhole: false, from: 20n as never }
    await store.writeProgress('orders', [progressOf(5)])
    await expect(store.appendGaps('orders', [more])).rejects.toThrow('is not there any more')
    await store.appendGaps('orders', [chunkOf(5)])
    await store.appendGaps('orders', [more])
    const written = await readFile(gaps, 'utf8')
    await writeFile(gaps, written.replaceAll('of 5', 'of x'))
    await expect(store.appendGaps('orders', [more])).rejects.toThrow('is not there any more')
    await writeFile(gaps, written)
    await store.appendGaps('orders', [more])
  })

  test('has the gaps that an earlier version stored in one file for all holders, until somebody stores all of them', async () => {
    await store.writeProgress('orders', [progressOf(3)])
    await store.appendGaps('orders', [chunkOf(3)])
    await rename(file('progress', 'a-0.3.gaps.jsonl'), file('progress', 'a-0.gaps.jsonl'))
    expect(await seen()).toEqual([[3, 3]])
    await store.appendGaps('orders', [chunkOf(3)])
    expect(await readdir(file('progress'))).toEqual(['a-0.3.gaps.jsonl', 'a-0.3.json'])
  })

  test('and gaps of an earlier version stay for the partitions and the way that the next holder says nothing of', async () => {
    const others = [progressOf(3, 1), { ...progressOf(3), way: 'reverse' as const }]
    await store.writeProgress('orders', [progressOf(3), ...others])
    await store.appendGaps('orders', [
      chunkOf(3),
      chunkOf(3, 1),
      { ...chunkOf(3), way: 'reverse' as const },
    ])
    for (const name of await readdir(file('progress'))) {
      await rename(file('progress', name), file('progress', name.replace('.3.', '.')))
    }
    await store.writeProgress('orders', [progressOf(4)])
    await store.appendGaps('orders', [chunkOf(4)])
    expect(await readdir(file('progress'))).toEqual([
      'a-0.4.gaps.jsonl',
      'a-0.4.json',
      'a-0.reverse.gaps.jsonl',
      'a-0.reverse.json',
      'a-1.gaps.jsonl',
      'a-1.json',
    ])
  })

  test('has its gaps at every moment while holders follow one another', async () => {
    const partitions = Array.from({ length: 8 }, (_, partition) => partition)
    const begin = async (generation: number) => {
      const next = reopened()
      await next.writeProgress(
        'orders',
        partitions.map((each) => progressOf(generation, each)),
      )
      await next.appendGaps(
        'orders',
        partitions.map((each) => chunkOf(generation, each)),
      )
    }
    await begin(1)
    let isWriting = true
    const writing = (async () => {
      for (let generation = 2; generation < 12; generation++) await begin(generation)
    })().finally(() => {
      isWriting = false
    })
    while (isWriting) {
      const found = await seen()
      expect(found.length).toBe(8)
      for (const [holder = 0, gaps] of found)
        expect([holder - 1, holder, holder + 1]).toContain(gaps)
    }
    await writing
    expect(await seen()).toEqual(partitions.map(() => [11, 11]))
  })

  test('is replaced at once, gaps and all, whatever generations it is of: a reader, or whoever comes after a crash, finds the one or the other', async () => {
    const contentOf = (generation: number) => ({
      decisions: fullState(1),
      journal: [],
      progress: [0, 1, 2, 3].map((partition) => ({
        ...progressOf(generation, partition),
        gaps: GapList.of([{ from: 5, to: 5 + generation }]),
      })),
    })
    await store.writeDecisions(fullState(1), 0)
    await store.replace('orders', contentOf(9))
    let isWriting = true
    const writing = (async () => {
      for (let i = 0; i < 10; i++) await store.replace('orders', contentOf(i % 2 === 0 ? 4 : 9))
    })().finally(() => {
      isWriting = false
    })
    const found = new Set<string>()
    while (isWriting) found.add(JSON.stringify(await seen(reopened())))
    await writing
    const whole = (generation: number) => JSON.stringify(Array(4).fill([generation, generation]))
    expect([...found].sort()).toEqual([whole(4), whole(9)])
    expect((await readdir(file())).filter((name) => name.startsWith('progress'))).toEqual([
      'progress',
    ])
  })

  test('that a crash left half replaced is what was there until all of the new is, and goes on from there', async () => {
    await store.writeProgress('orders', [progressOf(9)])
    await store.appendGaps('orders', [chunkOf(9)])
    const next = new FileStore(join(directory, 'next'))
    await next.writeProgress('orders', [progressOf(4)])
    await cp(join(directory, 'next', 'orders', 'progress'), file('progress.next'), {
      recursive: true,
    })
    expect(await seen(reopened())).toEqual([[9, 9]])
    await next.appendGaps('orders', [chunkOf(4)])
    await cp(join(directory, 'next', 'orders', 'progress'), file('progress.next'), {
      recursive: true,
    })
    await rename(file('progress'), file('progress.old'))
    expect(await seen(reopened())).toEqual([[4, 4]])
    await reopened().writeProgress('orders', [progressOf(5)])
    expect(await seen(reopened())).toEqual([[5, 4]])
    // What was left in the middle goes with whoever has the lock next.
    const folders = async () =>
      (await readdir(file())).filter((name) => name.startsWith('progress'))
    expect(await folders()).toEqual(['progress', 'progress.old'])
    const lock = await reopened().lock('orders', holder())
    expect(await folders()).toEqual(['progress'])
    await lock.release()
    await store.replace('orders', undefined)
    expect(await readdir(file('progress'))).toEqual([])
  })

  test.each([
    ['a commit every 100 records', 2.8],
    ['compacted: one of 10 records left', 2.8],
    ['compacted: one of 10,000 left', 4.3],
  ] as const)(
    'keeps a hundred thousand gaps (%s) in %d bytes each at most',
    async (shape, most) => {
      const gaps = gapsOfShape(shape, 100_000)
      await store.writeProgress('orders', [sampleProgress('a', 0)])
      await store.appendGaps('orders', [sampleChunk('a', 0, { gaps: gaps.bytesFrom(0) })])
      const { size } = await stat(file('progress', 'a-0.3.gaps.jsonl'))
      expect(size / gaps.count).toBeLessThan(most)
      expect([...(await store.readProgress('orders')).get('a:0' as never)!.gaps]).toEqual([...gaps])
    },
  )

  test('leaves out a chunk that a crash tore, and refuses one that was changed', async () => {
    await store.writeProgress('orders', [sampleProgress('a', 0)])
    await store.appendGaps('orders', [sampleChunk('a', 0)])
    const gaps = file('progress', 'a-0.3.gaps.jsonl')
    const whole = await readFile(gaps, 'utf8')
    const known = async () => (await store.readProgress('orders')).get('a:0' as never)!.gaps.count
    for (const length of [1, 20, whole.length - 1]) {
      await writeFile(gaps, whole + whole.slice(0, length))
      expect(await known()).toBe(3)
    }
    // The next tenure begins with a whole one, over whatever is there.
    await store.appendGaps('orders', [sampleChunk('a', 0, { tenure: 'second' })])
    expect((await readFile(gaps, 'utf8')).split('\n')).toHaveLength(2)
    await writeFile(gaps, whole.replace('"from":"0"', '"from":"1"'))
    expect(await codesOf(store.readProgress('orders'))).toEqual(['FERRY1402'])
  })
})

describe('journal', () => {
  test.each([1, 10, 100])(
    'drops a last line torn after %i bytes, and goes on behind the one before',
    async (length) => {
      await append('a')
      await append('b')
      const whole = await readFile(file('journal.jsonl'))
      const firstLine = whole.indexOf(0x0a) + 1
      await writeFile(file('journal.jsonl'), whole.subarray(0, firstLine + length))
      expect(await journalSteps(reopened())).toEqual(['a'])
      await append('c', reopened())
      expect(await journalSteps(reopened())).toEqual(['a', 'c'])
    },
  )

  test('is not changed by reading a torn line', async () => {
    await append('a')
    await appendFile(file('journal.jsonl'), '{"at"')
    const before = await readFile(file('journal.jsonl'), 'utf8')
    await reopened().readJournal('orders')
    expect(await readFile(file('journal.jsonl'), 'utf8')).toBe(before)
  })

  test('notices in the same process what a failed append left behind', async () => {
    await append('a')
    await appendFile(file('journal.jsonl'), '{"at":"\0\0')
    await append('b')
    expect(await journalSteps(reopened())).toEqual(['a', 'b'])
  })

  test('keeps a last entry that only lacks its newline', async () => {
    await append('a')
    await append('b')
    await edit('journal.jsonl', (text) => text.trimEnd())
    expect(await journalSteps(reopened())).toEqual(['a', 'b'])
    await append('c', reopened())
    expect(await journalSteps(reopened())).toEqual(['a', 'b', 'c'])
  })

  const lines = (change: (lines: string[]) => string[]) => (text: string) =>
    `${change(text.trimEnd().split('\n')).join('\n')}\n`
  test.each([
    ['a changed letter', lines(([a, b, c]) => [a!, b!.replace('create', 'crEate'), c!]), ':2'],
    [
      'a changed letter in the last line',
      lines(([a, b, c]) => [a!, b!, c!.replace('create', 'crEate')]),
      ':3',
    ],
    ['a changed hash', lines(([a, b, c]) => [a!.replace(/"hash":"./, '"hash":"g'), b!, c!]), ':1'],
    ['a lost line', lines(([a, , c]) => [a!, c!]), ':2'],
    ['a lost first line', lines(([, b, c]) => [b!, c!]), ':1'],
    ['a line twice', lines(([a, b, c]) => [a!, b!, b!, c!]), ':3'],
    ['lines swapped', lines(([a, b, c]) => [a!, c!, b!]), ':2'],
    ['a torn line in the middle', lines(([a, b, c]) => [a!, b!.slice(0, 20), c!]), ':2'],
    ['an empty line', lines(([a, b, c]) => [a!, '', b!, c!]), ':2'],
    ['a key added', lines(([a, b, c]) => [a!, b!.replace('{', '{"x":1,'), c!]), ':2'],
  ])('with %s is refused, naming the line', async (_, change, place) => {
    for (const step of ['create-topic/a', 'create-topic/b', 'create-topic/c']) await append(step)
    await edit('journal.jsonl', change)
    expect(await codesOf(reopened().readJournal('orders'))).toEqual(['FERRY1402'])
    await expect(reopened().readJournal('orders')).rejects.toThrow(`journal.jsonl${place}`)
    expect(await codesOf(append('d', reopened()))).toEqual(['FERRY1402'])
  })

  test('with any single bit flipped in a finished line is refused', async () => {
    for (const step of ['a', 'b']) await append(step)
    const whole = await readFile(file('journal.jsonl'))
    // The last newline is left out: without it the last line counts as torn or whole, both rightly.
    for (let bit = 0; bit < (whole.length - 1) * 8; bit += 7) {
      const flipped = Buffer.from(whole)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      await writeFile(file('journal.jsonl'), flipped)
      expect(await codesOf(reopened().readJournal('orders')), `bit ${bit}`).toEqual(['FERRY1402'])
    }
  })

  test('says which entry is missing', async () => {
    for (const step of ['a', 'b', 'c']) await append(step)
    await edit(
      'journal.jsonl',
      lines(([a, , c]) => [a!, c!]),
    )
    await expect(store.readJournal('orders')).rejects.toThrow('expected entry 2, found 3')
  })

  test('hashes the canonical line of everything but the hash', async () => {
    const entry = await append('a')
    const text = `{"at":"${AT}","plan":"d","previous":"${'0'.repeat(64)}","seq":1,"what":{"kind":"intent","step":"a"}}`
    expect(entry.hash).toBe(sha256(text))
  })
})
