import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { FlowEnd, type Trouble } from '../../src/mirror/flow.ts'

const trouble = (why: string): Trouble => ({ why, uncertain: false })

describe('the end of a flow', () => {
  it('comes with its first trouble, once it is settled', async () => {
    const end = new FlowEnd()
    const said: string[] = []
    const ended = end.begin().then(({ why }) => said.push(why))
    const quiet = end.whenQuiet().then(() => said.push('quiet'))
    // Nothing is awaited, but nothing has ended it either.
    end.settle()
    end.because(trouble('first'))
    end.because(trouble('second'))
    await Promise.resolve()
    deepStrictEqual(said, [])
    end.settle()
    await Promise.all([ended, quiet])
    deepStrictEqual(said, ['first', 'quiet'])
  })

  it('is not that of the flow before: trouble that came between two ends neither', async () => {
    const end = new FlowEnd()
    await end.whenQuiet()
    end.because(trouble('of nothing'))
    end.settle()
    const first = end.begin()
    end.because(trouble('first'))
    end.settle()
    end.because(trouble('late'))
    const second = end.begin()
    end.because(trouble('second'))
    end.settle()
    strictEqual((await first).why, 'first')
    strictEqual((await second).why, 'second')
    await end.whenQuiet()
  })
})
