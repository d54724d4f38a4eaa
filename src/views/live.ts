import type { Live } from '../domain/live.ts'
import { renderProgress, renderTopicLines } from './copy-progress.ts'

/** What is shown while something runs: a line, and lines below it where one is not enough. */
export interface LiveLines {
  readonly line: string
  readonly details: readonly string[]
}

export const renderLive = (live: Live): LiveLines => {
  if (typeof live === 'string') return { line: live, details: [] }
  switch (live.kind) {
    case 'waiting': {
      const gates = live.gates.map(({ title, because }) => `${title} — ${because}`)
      return { line: `waits for: ${gates.join('; ')}`, details: [] }
    }
    case 'copying': {
      const [first] = live.topics
      const waits = live.waitsFor === null ? '' : ` (waits for ${live.waitsFor})`
      const line = first === undefined ? 'copies' : renderProgress(first)
      return { line: `${line}${waits}`, details: renderTopicLines(live.topics) }
    }
  }
}
