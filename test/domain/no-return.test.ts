import { describe, expect, it } from 'vitest'
import type { AclBinding } from '../../src/domain/access.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import { noReturnOf } from '../../src/domain/no-return.ts'
import type { GrantAccess, SealTopic, Step } from '../../src/domain/step.ts'
import { aPlan } from '../views/a-plan.ts'

const seal = (topic: string): SealTopic => ({
  kind: 'seal-topic',
  id: `seal-topic/${topic}`,
  stage: 'producers-moved',
  reason: '',
  undo: { cost: 'free', says: 'open it again' },
  topic: topic as TopicName,
  partitions: 1,
  quietMs: 1,
  noWayBack: true,
})
const grant = (resourceName: string, parts: Partial<AclBinding> = {}): GrantAccess => ({
  kind: 'grant-access',
  id: `grant-access/${resourceName}`,
  stage: 'producers-moved',
  reason: '',
  undo: { cost: 'impossible', says: 'none: only on the target' },
  principal: 'User:a',
  when: 'after-seal',
  acls: [
    {
      resourceType: 'TOPIC',
      resourceName,
      patternType: 'LITERAL',
      principal: 'User:a',
      host: '*',
      operation: 'WRITE',
      permission: 'ALLOW',
      ...parts,
    },
  ],
  says: '',
})
const lineOf = (steps: readonly Step[]) => {
  const line = noReturnOf(aPlan({ steps }))
  return line && { before: line.before, waits: line.once !== null }
}

describe('the line of no return', () => {
  const { steps } = aPlan()

  it('is nowhere where all can be undone', () => {
    expect(lineOf(steps.slice(0, -1))).toBeNull()
  })

  it('lies before the first step that cannot be undone', () => {
    expect(lineOf([seal('a'), grant('a')])).toEqual({ before: 1, waits: false })
  })

  it('lies behind the first seal after which nothing keeps producers out', () => {
    expect(lineOf([seal('a')])).toEqual({ before: 1, waits: true })
    expect(lineOf([seal('a'), seal('b'), grant('a')])).toEqual({ before: 2, waits: true })
    expect(lineOf([...steps.slice(0, 2), seal('a'), seal('b')])).toEqual({ before: 3, waits: true })
  })

  it('is nowhere behind a seal from which what producers write can be mirrored back', () => {
    const { noWayBack: _, ...open } = seal('a')
    expect(lineOf([open])).toBeNull()
    expect(lineOf([open, seal('b')])).toEqual({ before: 2, waits: true })
  })

  it('counts a grant that covers the topic, in whatever way, and no other', () => {
    const prefix = grant('a', { patternType: 'PREFIXED' })
    expect(lineOf([seal('a.b'), prefix])).toEqual({ before: 1, waits: false })
    expect(lineOf([seal('a'), grant('*', { operation: 'ALL' })])).toEqual({
      before: 1,
      waits: false,
    })
    const alters = grant('a', { operation: 'ALTER' })
    expect(lineOf([seal('a'), seal('c'), alters])).toEqual({ before: 1, waits: true })
  })

  it('lies before a step that cannot be undone, also where a later seal is open', () => {
    expect(lineOf([grant('x'), seal('a')])).toEqual({ before: 0, waits: false })
  })
})
