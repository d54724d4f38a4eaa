import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parsePlan, planText } from '../../src/app/plan-file.ts'
import { digestOf } from '../../src/domain/canonical-json.ts'
import { FerryError } from '../../src/domain/diagnostic.ts'
import type { Plan } from '../../src/domain/plan.ts'
import { checkAgain } from '../../src/planner/index.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { renderPlan } from '../../src/views/plan.ts'
import { renderPlanMarkdown } from '../../src/views/plan-markdown.ts'
import { PLAIN } from '../../src/views/style.ts'
import { mutate, mutateValue, randomFrom } from '../_mutate.ts'
import { fakeApply } from '../applier/fake-migration.ts'
import { migration, plan as planned } from '../planner/_build.ts'
import { aPlan, WORDS } from '../views/a-plan.ts'

/** A changed plan file is refused with a code, or can be shown: whether it may run, apply finds out by planning again. */
test('2,000 random mutations of a plan file never break anything', async () => {
  const original = planText(aPlan())
  let refused = 0
  for (let seed = 1; seed <= 2000; seed++) {
    const pick = randomFrom(seed)
    let text = original
    for (let i = 0; i <= pick(3); i++) text = mutate(text, pick)
    const plan: Plan | undefined = await parsePlan(text, 'orders.plan.json').catch((error) => {
      expect(error, `seed ${seed}`).toBeInstanceOf(FerryError)
      for (const { code, detail, fix } of (error as FerryError).diagnostics) {
        expect(['FERRY1109', 'FERRY1110'], `seed ${seed}`).toContain(code)
        expect(detail, `seed ${seed}`).toContain('orders.plan.json')
        expect(fix).not.toBe('')
      }
      refused++
      return undefined
    })
    if (plan === undefined) continue
    expect(renderPlan(plan, WORDS, PLAIN), `seed ${seed}`).toContain('Plan')
    expect(renderPlanMarkdown(plan, WORDS, '/'), `seed ${seed}`).toContain('### Plan')
  }
  // Else the mutations would show nothing, or everything were refused unseen.
  expect(refused).toBeGreaterThan(1000)
  expect(refused).toBeLessThan(2000)
})

/** What a plan says of a moment, and no step acts on: estimates, and what is read again whatever the file says. */
const withoutMoving = ({ steps, ...plan }: Plan) => {
  const {
    createdAt: _,
    toolVersion: __,
    deadlines: ___,
    problems: ____,
    order: _____,
    ...rest
  } = plan
  const moving =
    /^(?:notes|prime|because|records|bytesEstimate|committed|late|there|retention\.ms)$/
  const kept = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(kept)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, each]) => (moving.test(key) ? [] : [[key, kept(each)]])),
    )
  }
  const said = (step: Plan['steps'][number]) =>
    /^(?:configure-topic|sync-group)$/.test(step.kind)
      ? { ...step, undo: { ...step.undo, says: '' } }
      : step
  // How much it may destroy is asked of the plan that is made again with it.
  return kept({ ...rest, maxDestroy: null, steps: steps.map(said) })
}

/** Structure alone says nothing of a plan: apply plans again, and runs what that gives, or nothing. */
test('of 1,000 changed plans that can be read none runs that differs from what would be planned now', async () => {
  const fresh = planned({ desired: migration({ users: [], quotas: [] }) })
  expect(fresh.problems.filter(({ severity }) => severity === 'error')).toEqual([])
  const directory = await mkdtemp(join(tmpdir(), 'ferry-mutated-plan-'))
  const ends = { refused: 0, stale: 0, ran: 0 }
  try {
    for (let seed = 1; ends.stale + ends.ran < 1000 && seed <= 4000; seed++) {
      const text = JSON.stringify(mutateValue(JSON.parse(planText(fresh)), randomFrom(seed)))
      const plan = await parsePlan(text, 'orders.plan.json').catch((error) => {
        if (!(error instanceof FerryError)) throw error
        return undefined
      })
      if (plan === undefined) {
        ends.refused++
        continue
      }
      const changed = checkAgain(plan, fresh, migration())
      // A few of both show what apply makes of it: that takes long. It asks for the name, too.
      if (changed.length > 0 && ends.stale >= 20) {
        ends.stale++
        expect(changed.map(({ code }) => code)).toEqual(['FERRY1401'])
        continue
      }
      if (changed.length === 0 && ends.ran >= 20) {
        ends.ran++
        const named = { ...plan, migration: fresh.migration }
        expect(withoutMoving(named), `seed ${seed}`).toEqual(withoutMoving(fresh))
        continue
      }
      const apply = fakeApply(
        new FileStore(join(directory, String(ends.ran))),
        {},
        {
          plan,
          digest: digestOf(plan),
          clusters: { source: fresh.clusters.source, target: fresh.clusters.target } as never,
          confirmed: true,
          recheck: async () => changed,
        },
      )
      const { status, problems } = await apply.run()
      const of = `seed ${seed}: ${JSON.stringify(problems)}`
      if (status === 'done') {
        ends.ran++
        expect(withoutMoving(plan), of).toEqual(withoutMoving(fresh))
        continue
      }
      ends.stale++
      expect(problems.map(({ code }) => code).join(' '), of).toMatch(/^FERRY1(?:201|401|409)\b/)
      expect(
        apply.log.filter((line) => line.startsWith('apply ')),
        of,
      ).toEqual([])
    }
  } finally {
    await rm(directory, { recursive: true })
  }
  // Else the changes would show nothing.
  expect(ends.stale + ends.ran).toBe(1000)
  expect(Math.min(ends.stale, ends.ran)).toBeGreaterThan(200)
})
