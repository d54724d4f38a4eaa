import { SCRAM_MECHANISMS } from '../../domain/migration.ts'
import type { Step } from '../../domain/step.ts'
import { digestOfPart, mechanismsPart } from '../fingerprint.ts'
import type { Given, Judged } from './given.ts'

export const userParts = ({ saved, now, steps, isDone }: Given): Judged =>
  [...new Set(now.desired.users.map(({ name }) => name))].flatMap((name): Judged => {
    const part = `user ${name} on the target`
    const is = now.observed.target.users.get(name) ?? new Set()
    const changes = SCRAM_MECHANISMS.flatMap((mechanism) => {
      const step = steps.findLast((each) => changesUser(each, name, mechanism))
      return step === undefined ? [] : [{ mechanism, step }]
    })
    if (changes.length === 0) return []
    const isLeft = changes.every(
      ({ mechanism, step }) => !isDone(step) || is.has(mechanism) === (step.kind === 'set-user'),
    )
    // What the others were is known by the digest alone: each of those that were changed was there, or was not.
    const known = new Set(changes.map(({ mechanism }) => mechanism))
    const wasOne = subsets([...known]).some((were) => {
      const others = [...is].filter((mechanism) => !known.has(mechanism))
      return digestOfPart(mechanismsPart([...others, ...were])) === saved.fingerprint[part]
    })
    return [[part, isLeft && wasOne]]
  })

const changesUser = (step: Step, name: string, mechanism: string): boolean => {
  if (step.kind === 'set-user' || step.kind === 'remove-user') {
    return step.user === name && step.mechanism === mechanism
  }
  return (
    step.kind === 'remove-object' &&
    step.on === 'target' &&
    step.object.kind === 'user' &&
    step.object.user === name
  )
}

const subsets = <T>([first, ...rest]: readonly T[]): readonly (readonly T[])[] =>
  first === undefined ? [[]] : subsets(rest).flatMap((some) => [some, [first, ...some]])
