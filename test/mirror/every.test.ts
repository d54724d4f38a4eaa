import { deepStrictEqual, ok } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { every } from '../../src/mirror/every.ts'

/** When each of three turns began and ended, and what was warned of. */
const threeTurns = async (act: (turn: number) => Promise<void>) => {
  const ended = new AbortController()
  const turns: { readonly began: number; readonly ended: number }[] = []
  const warnings: string[] = []
  const turn = async () => {
    const began = performance.now()
    await act(turns.length).finally(() => {
      turns.push({ began, ended: performance.now() })
      if (turns.length === 3) ended.abort()
    })
  }
  const warn = (message: string) => void warnings.push(message)
  await every(1, turn, { signal: ended.signal, warn })
  return { turns, warnings }
}

describe('what is done again and again', () => {
  it('rests twenty times as long as it took', async () => {
    const { turns, warnings } = await threeTurns(() => pause(20))
    for (const [i, { began, ended }] of turns.slice(0, -1).entries()) {
      const rested = turns[i + 1]!.began - ended
      // A timer may be a millisecond early.
      ok(rested > 19 * (ended - began), `${rested} ms after ${ended - began} ms`)
    }
    deepStrictEqual(warnings, [])
  })

  it('is done on when it failed', async () => {
    const { turns, warnings } = await threeTurns(async (turn) => {
      if (turn === 1) throw new Error('no space left')
    })
    deepStrictEqual([turns.length, warnings], [3, ['Error: no space left']])
  })
})
