import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { TopicName } from '../../src/domain/ids.ts'
import { FileStore } from '../../src/state/file-store.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import { holder } from '../state/samples.ts'
import { done, type FakeStep, fakeApply } from './fake-migration.ts'

/** The world that the steps change: a line for each time that something was done in it. */
export const effectsIn = (directory: string): readonly string[] => {
  const file = join(directory, 'effects')
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
}

/**
 * A plan whose steps look before they act, as real ones do: decide what will be done, do it unless it was done, decide that it was.
 * `boundary` is called after everything that a crash may follow.
 */
export const crashingApply = (directory: string, boundary: () => void) => {
  const step = (name: string): FakeStep => ({
    apply: async (run) => {
      await run.decide((s) => ({
        ...s,
        createdTopics: without(s.createdTopics, `${name} pending`),
      }))
      if (!effectsIn(directory).includes(name)) {
        appendFileSync(join(directory, 'effects'), `${name}\n`)
        boundary()
      }
      await run.decide((s) => ({
        ...s,
        createdTopics: without(
          s.createdTopics.filter((t) => t !== `${name} pending`),
          name,
        ),
      }))
      return done
    },
  })
  const store = noticing(new FileStore(join(directory, 'state')), boundary)
  const steps = { a: step('a'), b: { ...step('b'), stage: 'mirrored' as const } }
  return fakeApply(store, steps, { holder: holder({ host: hostname() }) })
}

const without = (topics: readonly TopicName[], name: string): readonly TopicName[] => [
  ...topics.filter((t) => t !== name),
  name as TopicName,
]

const noticing = (store: FileStore, boundary: () => void): StateStore =>
  new Proxy(store, {
    get: (target, key) => {
      const value = Reflect.get(target, key, target) as unknown
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        const answer = await (value as (...a: unknown[]) => Promise<unknown>).apply(target, args)
        if (['lock', 'writeDecisions', 'appendJournal'].includes(String(key))) boundary()
        return answer
      }
    },
  })
