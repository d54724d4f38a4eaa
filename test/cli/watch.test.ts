import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openWatch } from '../../src/cli/watch.ts'
import { streamsForTesting } from './streams-for-testing.ts'

/** How pages come one after the other; that they end at Ctrl-C and outlive a cluster, `golden.test.ts` shows with the program itself. */

const ROWS = 12
const lines = (count: number, from = 1): string =>
  `${Array.from({ length: count }, (_, i) => `line ${from + i}`).join('\n')}\n`

/** What a terminal shows of what was written: it knows the three sequences that a page in place needs, and scrolls like one. */
const screen = (written: string, rows: number): readonly string[] => {
  const shown = Array.from({ length: rows }, () => '')
  let [row, column] = [0, 0]
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a sequence
  for (const part of written.match(/\u001b\[[A-Z]|\n|[^\u001b\n]+/g) ?? []) {
    switch (part) {
      case '\u001b[H':
        row = 0
        column = 0
        break
      case '\u001b[K':
        shown[row] = shown[row]!.slice(0, column)
        break
      case '\u001b[J':
        shown[row] = shown[row]!.slice(0, column)
        shown.fill('', row + 1)
        break
      case '\n':
        column = 0
        row += 1
        if (row === rows) {
          shown.push('')
          shown.shift()
          row -= 1
        }
        break
      default:
        if (part.startsWith('\u001b')) throw new Error(`unknown: ${JSON.stringify(part)}`)
        shown[row] = shown[row]!.slice(0, column) + part + shown[row]!.slice(column + part.length)
        column += part.length
    }
  }
  return shown.slice(0, shown.findLastIndex((line) => line !== '') + 1)
}

const onTerminal = (rows = ROWS) => {
  const streams = { ...streamsForTesting({ tty: true }), rows }
  const watch = openWatch({ streams }, false)
  return { watch, shown: () => screen(streams.out(), rows), written: streams.out }
}

describe('on a terminal', () => {
  it('begins on an empty screen, and stands where the page before stood, of which nothing is left', () => {
    const { watch, shown } = onTerminal()
    watch.show('a long first line\nsecond\nthird\n')
    expect(shown()).toEqual(['a long first line', 'second', 'third'])
    watch.show('short\nother\n')
    expect(shown()).toEqual(['short', 'other'])
  })

  it('is written over what others have left there, line by line and never after a clear, which would flicker', () => {
    const { watch, written } = onTerminal()
    watch.show('one\n')
    const first = written()
    expect(screen(`${'$ ls\n'.repeat(ROWS)}${first}`, ROWS)).toEqual(['one'])
    expect(first).toBe('\u001b[Hone\u001b[K\n\u001b[J')
    watch.show('two\n')
    expect(written().slice(first.length)).toBe('\u001b[Htwo\u001b[K\n\u001b[J')
  })

  it('cuts a page to its rows and counts the rest, so that nothing scrolls away', () => {
    const { watch, shown } = onTerminal()
    watch.show(lines(ROWS - 2))
    expect(shown()).toEqual(
      lines(ROWS - 2)
        .trim()
        .split('\n'),
    )
    watch.show(lines(40))
    expect(shown()).toEqual([
      ...lines(ROWS - 3)
        .trim()
        .split('\n'),
      '… 31 more lines',
    ])
    watch.show(lines(2, 100))
    expect(shown()).toEqual(['line 100', 'line 101'])
  })

  it('shows some lines however low it is', () => {
    const { watch, shown } = onTerminal(7)
    watch.show(lines(9))
    expect(shown()).toEqual(['line 1', 'line 2', 'line 3', 'line 4', '… 5 more lines'])
    const low = onTerminal(3)
    low.watch.show(lines(9))
    expect(low.written()).toContain('line 4')
  })
})

it.each([
  ['no terminal', {}, false],
  ['a dumb one', { tty: true, env: { TERM: 'dumb' } }, false],
] as const)(
  'pages stand below each other, whole and without sequences, where there is %s',
  (_, options, asLines) => {
    const streams = streamsForTesting(options)
    const watch = openWatch({ streams }, asLines)
    watch.show(lines(60))
    watch.show('two\n')
    expect(streams.out()).toBe(`${lines(60)}\ntwo\n`)
  },
)

it('JSON stands a line each, on a terminal too', () => {
  const streams = streamsForTesting({ tty: true })
  const watch = openWatch({ streams }, true)
  watch.show('{"a":1}\n')
  watch.show('{"a":2}\n')
  expect(streams.out()).toBe('{"a":1}\n{"a":2}\n')
})

describe('the pause between looks', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it.each([
    [true, 2_000],
    [false, 10_000],
  ])('on a terminal: %s, is %i ms long', async (tty, ms) => {
    const ended = vi.fn()
    const streams = streamsForTesting({ tty })
    void openWatch({ streams }, false).pause(new AbortController().signal).then(ended)
    await vi.advanceTimersByTimeAsync(ms - 1)
    expect(ended).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(ended).toHaveBeenCalledOnce()
  })

  it('ends at once with Ctrl-C, also one that was pressed before, and leaves no timer', async () => {
    const streams = streamsForTesting({ tty: true })
    const watch = openWatch({ streams }, false)
    const { first } = streams.interrupts
    const paused = watch.pause(first)
    expect(vi.getTimerCount()).toBe(1)
    streams.interrupt()
    await paused
    await watch.pause(first)
    expect(vi.getTimerCount()).toBe(0)
  })
})
