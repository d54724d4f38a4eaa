import { deepStrictEqual } from 'node:assert'
import { afterEach, beforeEach, describe, it, vi } from 'vitest'
import { startProgress } from '../../src/cli/progress.ts'
import { streamsForTesting } from './streams-for-testing.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('progress elsewhere than on a terminal', () => {
  it('is a line every few seconds, if it changed', () => {
    const streams = streamsForTesting()
    const progress = startProgress(streams, false)
    for (let n = 1; n <= 10; n++) progress.report(`${n} of 10`)
    deepStrictEqual(streams.err(), '')
    vi.advanceTimersByTime(3000)
    deepStrictEqual(streams.err(), '10 of 10\n')
    vi.advanceTimersByTime(60_000)
    deepStrictEqual(streams.err(), '10 of 10\n')
  })

  it('has the lines below it every third time', () => {
    const streams = streamsForTesting()
    const progress = startProgress(streams, false)
    for (let n = 1; n <= 5; n++) {
      progress.report(`head ${n}`, [`a ${n}`, `b ${n}`])
      vi.advanceTimersByTime(3000)
    }
    deepStrictEqual(streams.err(), 'head 1\na 1\nb 1\nhead 2\nhead 3\nhead 4\na 4\nb 4\nhead 5\n')
  })

  it('says the same once, with all that is below it', () => {
    const streams = streamsForTesting()
    const progress = startProgress(streams, false)
    for (let n = 1; n <= 30; n++) {
      progress.report('mirrors 2 of 2 partitions, lag 0', ['topic a 0', 'topic b 0'])
      vi.advanceTimersByTime(3000)
    }
    deepStrictEqual(streams.err(), 'mirrors 2 of 2 partitions, lag 0\ntopic a 0\ntopic b 0\n')
  })

  it('says at once what has changed, and now and then what has changed only in its numbers', () => {
    const streams = streamsForTesting()
    const progress = startProgress(streams, false)
    const report = (line: string) => {
      progress.report(line, [], 30_000)
      vi.advanceTimersByTime(3000)
    }
    for (let left = 60; left > 0; left -= 3) report(`waits: quiet so far, ${left} s to go`)
    report('waits: producers still write')
    report('waits: quiet so far, 60 s to go')
    report('waits: group-1 has consumers')
    report('waits: group-2 has consumers')
    report('mirrors 1 of 1 partition')
    report('mirrors 2 of 2 partition')
    deepStrictEqual(streams.err().split('\n'), [
      'waits: quiet so far, 60 s to go',
      'waits: quiet so far, 30 s to go',
      'waits: producers still write',
      'waits: quiet so far, 60 s to go',
      'waits: group-1 has consumers',
      'waits: group-2 has consumers',
      'mirrors 1 of 1 partition',
      'mirrors 2 of 2 partition',
      '',
    ])
  })

  it('shows what could move the cursor', () => {
    const streams = streamsForTesting()
    const progress = startProgress(streams, false)
    progress.report('waits for \u001b[2Jclient')
    vi.advanceTimersByTime(3000)
    progress.note('\u0007done')
    deepStrictEqual(streams.err(), 'waits for \\u001b[2Jclient\n\\u0007done\n')
  })

  it('is wrapped: what a step waits for may be long', () => {
    const streams = streamsForTesting()
    const progress = startProgress(streams, false)
    const long = `waits for: ${Array.from({ length: 30 }, (_, n) => `consumer-${n}`).join(', ')}`
    progress.report(long)
    vi.advanceTimersByTime(3000)
    progress.note(long)
    const lines = streams.err().trimEnd().split('\n')
    deepStrictEqual(lines.length > 6, true)
    deepStrictEqual(
      lines.filter((line) => line.length > 100),
      [],
    )
    deepStrictEqual(lines.join('\n').replaceAll('\n  ', ' '), `${long}\n${long}`)
  })

  it('is nothing with --quiet', () => {
    const streams = streamsForTesting()
    const progress = startProgress(streams, true)
    progress.report('x', ['y'])
    progress.note('z')
    vi.advanceTimersByTime(60_000)
    deepStrictEqual(streams.err(), '')
  })
})
