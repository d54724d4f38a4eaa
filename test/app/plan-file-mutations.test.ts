import { expect, test } from 'vitest'
import { parsePlan, planText } from '../../src/app/plan-file.ts'
import { FerryError } from '../../src/domain/diagnostic.ts'
import type { Plan } from '../../src/domain/plan.ts'
import { renderPlan } from '../../src/views/plan.ts'
import { renderPlanMarkdown } from '../../src/views/plan-markdown.ts'
import { PLAIN } from '../../src/views/style.ts'
import { mutate, randomFrom } from '../_mutate.ts'
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
