import type { Unwritten } from '../app/unwritten.ts'
import type { ApplyEvents, ApplyResult } from '../applier/apply-options.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Live } from '../domain/live.ts'
import type { Plan } from '../domain/plan.ts'
import type { Step } from '../domain/step.ts'
import { OUTCOME_WORDS, renderLiveStep } from '../views/apply.ts'
import {
  type ApplyEvent,
  liveEvent,
  planFinishedEvent,
  renderEvent,
  startedEvent,
  stepTitle,
  warningEvent,
} from '../views/apply-events.ts'
import { renderLive } from '../views/live.ts'
import type { StepWords } from '../views/step-words.ts'
import { renderUnwritten } from '../views/unwritten.ts'
import type { Context } from './context.ts'
import { withoutNumbers } from './without-numbers.ts'

/** Who is told what an apply does: people on stderr, always; and with --json a program on stdout, an event a line. */
export interface ApplyTeller {
  /** What a plan without steps is about to write down, before anybody is asked. */
  writesDown(plan: Plan, unwritten: Unwritten): void
  /** A plan begins; what its steps tell goes there. */
  began(plan: Plan): ApplyEvents
  ended(plan: Plan, result: ApplyResult): void
  /** The last word. */
  finished(exit: number, problems: readonly Diagnostic[]): void
}

/** The stream has its last event also where it is left: a program must not wait for more. */
export const lastLine = async (
  exit: number,
  problems: readonly Diagnostic[],
  now: Date,
): Promise<string> => renderEvent({ event: 'finished', exit, problems }, now)

/** How often people are told elsewhere than on a terminal, and programs, that a wait goes on, where nothing of it but a number has changed. */
const WAIT_EVERY_MS = 30_000

/** Elsewhere than at its gates a step tells how far it is not more often than so. */
const PROGRESS_EVERY_MS = 2000

export const applyTeller = (context: Context, words: StepWords, asEvents: boolean): ApplyTeller => {
  const now = (): Date => context.streams.now()
  const tell = (event: ApplyEvent): void => {
    if (asEvents) context.streams.stdout.write(renderEvent(event, now()))
  }
  return {
    writesDown: (plan, unwritten) => {
      const says = renderUnwritten(plan, unwritten)
      if (asEvents) tell(warningEvent(plan.migration, says))
      else context.print(`\n${says}\n`)
    },
    began: (plan) => {
      tell(startedEvent(plan, words))
      const people = toPeople(context, words)
      const program = toProgram(plan.migration, words, tell, now)
      return {
        started: (...args) => {
          people.started(...args)
          program.started(...args)
        },
        live: (live) => {
          people.live(live)
          program.live(live)
        },
        finished: (...args) => {
          people.finished(...args)
          program.finished(...args)
        },
        warned: (warning) => {
          people.warned(warning)
          program.warned(warning)
        },
      }
    },
    ended: (plan, result) => tell(planFinishedEvent(plan, result)),
    finished: (exit, problems) => tell({ event: 'finished', exit, problems }),
  }
}

const toPeople = ({ progress, tell }: Context, words: StepWords): ApplyEvents => {
  let title = ''
  return {
    started: (step, index, of) => {
      title = renderLiveStep(index, of, stepTitle(words, step))
      progress.report(title)
    },
    live: (live) => {
      const { line, details } = renderLive(live)
      const isWaiting = typeof live !== 'string' && live.kind === 'waiting'
      const says = title === '' ? line : `${title}: ${line}`
      progress.report(says, details, ...(isWaiting ? [WAIT_EVERY_MS] : []))
    },
    finished: (_, { outcome }) => progress.note(`${title}: ${OUTCOME_WORDS[outcome]}`),
    warned: (warning) =>
      typeof warning === 'string' ? progress.note(`warning: ${warning}`) : tell([warning]),
  }
}

const toProgram = (
  migration: string,
  words: StepWords,
  tell: (event: ApplyEvent) => void,
  now: () => Date,
): ApplyEvents => {
  let step: Step | undefined
  let toldWait = ''
  let toldWaitAt = Number.NEGATIVE_INFINITY
  let toldProgressAt = Number.NEGATIVE_INFINITY
  const isNews = (live: Live): boolean => {
    const time = now().getTime()
    if (typeof live !== 'string' && live.kind === 'waiting') {
      const wait = JSON.stringify(
        live.gates.map(({ title, because }) => [title, withoutNumbers(because)]),
      )
      if (wait === toldWait && time - toldWaitAt < WAIT_EVERY_MS) return false
      toldWait = wait
      toldWaitAt = time
      return true
    }
    if (time - toldProgressAt < PROGRESS_EVERY_MS) return false
    toldProgressAt = time
    return true
  }
  return {
    started: (begun, index, of) => {
      step = begun
      toldWait = ''
      toldProgressAt = Number.NEGATIVE_INFINITY
      tell({
        event: 'step-started',
        migration,
        step: begun.id,
        index,
        of,
        title: stepTitle(words, begun),
      })
    },
    live: (live) => {
      // The mirror may have a word before the first step.
      if (step !== undefined && isNews(live)) tell(liveEvent(migration, step.id, live))
    },
    finished: ({ id }, { outcome, problem }) =>
      tell({ event: 'step-done', migration, step: id, outcome, problem: problem ?? null }),
    warned: (warning) => tell(warningEvent(migration, warning)),
  }
}
