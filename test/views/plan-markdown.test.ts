import { deepStrictEqual, match, ok } from 'node:assert'
import fc from 'fast-check'
import { micromark } from 'micromark'
import { gfm, gfmHtml } from 'micromark-extension-gfm'
import { describe, it } from 'vitest'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import type { GroupId } from '../../src/domain/ids.ts'
import type { Plan } from '../../src/domain/plan.ts'
import type { Step } from '../../src/domain/step.ts'
import { renderPlanMarkdown, renderPlansMarkdown } from '../../src/views/plan-markdown.ts'
import { aPlan, WORDS } from './a-plan.ts'

const EXPIRY = { kind: 'target-commits', group: 'api' as GroupId } as const

/** What a forge makes of it: the reference implementation of GitHub's Markdown, HTML let through to see if any gets there. */
const html = (markdown: string): string =>
  micromark(markdown, {
    allowDangerousHtml: true,
    allowDangerousProtocol: true,
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
  })

const render = (change: Partial<Plan> = {}): string => renderPlanMarkdown(aPlan(change), WORDS, '/')

describe('renderPlanMarkdown', () => {
  it('is a comment: verdict, deletions, point of no return, deadlines, table, folded steps', () => {
    deepStrictEqual(`\n${render().replace(/plan `[0-9a-f]{64}`/, 'plan `DIGEST`')}`, GOLDEN)
  })

  it('says first that a plan is blocked, and by what', () => {
    const problems = [
      diagnostic({
        code: 'FERRY1201',
        detail: 'No.',
        fix: 'Do `this`.',
        at: { file: 'plans/a|b.yaml', line: 3, column: 7, pointer: '' },
      }),
    ]
    const [first, , problem] = render({ problems }).split('\n')
    match(first!, /^### 🛑 Blocked by 1 error: `orders`, /)
    match(
      problem!,
      /^- 🛑 \*\*FERRY1201 .+\*\* `plans\/a\|b\.yaml:3:7` No\. _Fix:_ Do &#96;this&#96;\.$/,
    )
  })

  it('says which side should move first, beside what the file says', () => {
    const order = {
      file: 'producers-first',
      advised: 'consumers-first',
      because: 'a|b is behind',
    } as const
    match(
      render({ order }),
      /\n\n\*\*Order:\*\* consumers-first \(the plan file says producers-first\): a(\\|&#124;)\|?b is behind\.\n\n/,
    )
    ok(!render().includes('**Order:**'))
  })

  it('names what is deleted', () => {
    const words = {
      ...WORDS,
      describe: (step: Step) => ({ ...WORDS.describe(step), symbol: '-' as const }),
    }
    const steps = aPlan().steps.slice(0, 1)
    match(
      renderPlanMarkdown(aPlan({ steps }), words, '/'),
      /\*\*Deletes 1:\*\*\n\n- topic `orders\.events`: 12 partitions.* — new-idc has no topic of this name\n/,
    )
  })

  it('says that there is nothing to do', () => {
    match(render({ steps: [], from: 'mirrored', to: 'mirrored' }), /^### No changes: `orders`/)
  })
})

/** What tries to break out: of a cell, of code, of the comment; or to call somebody. */
const NASTY = [
  '`',
  '``` `',
  '`````````',
  '|',
  '\\|',
  '\\',
  '<script>alert(1)</script>',
  '</details>',
  '<!--',
  '@octocat',
  '@org/team',
  'a#12',
  '#12',
  '!7',
  '~label',
  '%mile',
  '&12',
  '$12',
  '~12',
  '^alert#12',
  '[issue:12]',
  '*iteration:12',
  'GH-12',
  'gh-12',
  'JIRA_2-7',
  'CVE-2024-12345',
  'GHSA-wj6h-64fc-37mp',
  'deadbee',
  '0123456789abcdef0123456789abcdef01234567',
  'octo/repo@deadbeef',
  ':x:',
  ':+1:',
  ':100:',
  '[^1]',
  '\n\n[^1]: note\n',
  '{+a+}',
  '[-a-]',
  'ftp://x.y',
  'mailto:a@b.example',
  '<img src=x>',
  '$x$',
  '[a](http://x.y)',
  '![a](http://x.y)',
  'https://evil.example/x',
  'www.evil.example',
  'a@b.example',
  '**b**',
  '_i_',
  '~~s~~',
  '\n\n# h\n',
  '\n- x\n',
  '\r\n| a | b |\n',
  '&amp;',
  '&#64;octocat',
  '\u0000\u001b[31m',
  '\u202e',
  '\u2066',
  '\u200b',
  '\u200d',
  '\u00ad',
  '\ufeff',
  '\u061c',
  '\u2028',
  '\u{e0041}',
  '\ud800',
  '1. ',
  '- ',
  '> ',
  '+ ',
  '---',
  ' ',
  'ü漢😀',
]
/**
 * What forges make of text after Markdown: their own documents, not what is escaped. GitHub: "Autolinked references and URLs", "Basic
 * writing and formatting syntax"; GitLab: "GitLab-specific references", "Inline diff".
 */
const FORGE: readonly (readonly [string, RegExp])[] = [
  ['people and teams', /@[\w"]/],
  ['issues, merge requests, snippets, milestones, labels and epics', /[#!$%~&][\w"]/],
  ['references by a prefix', /\b(?:gh|gl)-\d/i],
  ['keys of trackers', /\b[A-Z][A-Z0-9_]*-\d/],
  ['advisories', /\b(?:GHSA-\w{4}|CVE-\d)/],
  // An offset has 19 digits at most, and is left as it is.
  ['commits', /\b(?!\d{1,19}\b)[0-9a-f]{7,40}\b/i],
  ['references in brackets', /\[\w+:\w|\*iteration:\w/],
  ['emoji', /:(?!(?!(?:100|1234):)\d+:)[\w+-]+:/],
  ['addresses', /\w:\/\/|\bwww\.|mailto:\w+@\w/i],
  ['differences', /\{[+-]|\[[+-]/],
]
const nasty = fc
  .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ maxLength: 5 })), { maxLength: 8 })
  .map((parts) => parts.join(''))
const name = nasty.filter((text) => text !== '')

/** A plan in which everything that can come from a user or a broker is as bad as it gets. */
const nastyPlan = fc.record({ name, reason: nasty, says: nasty, gate: nasty }).map((bad) => {
  const steps = aPlan().steps.map((step) => ({
    ...step,
    reason: bad.reason,
    undo: { ...step.undo, says: bad.says },
  }))
  const at = '2025-03-04T18:20:00.000Z'
  const plan = aPlan({
    migration: bad.name,
    toolVersion: bad.name,
    clusters: { source: { name: bad.name, id: 'a' }, target: { name: bad.name, id: 'b' } },
    steps,
    deadlines: [{ at, says: bad.says, about: EXPIRY }],
    problems: [
      {
        ...diagnostic({
          code: 'FERRY1201',
          severity: 'warning',
          detail: bad.says,
          fix: bad.reason,
        }),
        at: { file: bad.name, line: 1, column: 1, pointer: '' },
      },
    ],
  })
  const words = {
    describe: () => ({ symbol: '+', noun: 'topic', name: bad.name, says: bad.says }) as const,
    gates: () => [bad.gate],
  }
  return { plan, words }
})

describe('content that breaks out', () => {
  const benign = (plan: Plan): string => {
    const words = {
      describe: () => ({ symbol: '+', noun: 'topic', name: 'n', says: 's' }) as const,
      gates: () => ['g'],
    }
    const steps = plan.steps.map((step) => ({
      ...step,
      reason: 'r',
      undo: { ...step.undo, says: 'u' },
    }))
    const problems = plan.problems.map((each) => ({ ...each, detail: 'd', fix: 'f', at: each.at! }))
    return html(
      renderPlanMarkdown({ ...plan, steps, problems, migration: 'm' } as Plan, words, '/'),
    )
  }
  const tags = (page: string): readonly string[] => page.match(/<\/?[a-z0-9]+/gi) ?? []

  it('makes no tag, no link and no cell that a harmless text does not make', () => {
    fc.assert(
      fc.property(nastyPlan, ({ plan, words }) => {
        const page = html(renderPlanMarkdown(plan, words, '/'))
        // An empty reason has no emphasis around it, and an empty fix none at all.
        const without = (list: readonly string[]) => list.filter((tag) => !/<\/?em$/.test(tag))
        deepStrictEqual(without(tags(page)), without(tags(benign(plan))))
      }),
      { numRuns: 100 },
    )
  })

  /** What forges look through, once Markdown is HTML: all text that is not code. */
  const prose = (markdown: string): string =>
    html(markdown)
      .replace(/<code>[\s\S]*?<\/code>/g, '\u0001')
      .replace(/<[^>]+>/g, '\u0001')
      .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
      .replace(
        /&(lt|gt|quot|amp);/g,
        (_, word) => ({ lt: '<', gt: '>', quot: '"', amp: '&' })[word as 'lt'],
      )

  it('calls nobody, refers to nothing, and is made into nothing else', () => {
    fc.assert(
      fc.property(nastyPlan, ({ plan, words }) => {
        const shown = prose(renderPlanMarkdown(plan, words, '/'))
        for (const [what, found] of FORGE) {
          const at = found.exec(shown)?.index
          ok(
            at === undefined,
            `${what}: ${JSON.stringify(shown.slice((at ?? 0) - 20, (at ?? 0) + 40))}`,
          )
        }
      }),
      { numRuns: 150 },
    )
  })

  it('what of it cannot be seen is shown', () => {
    fc.assert(
      fc.property(nastyPlan, ({ plan, words }) => {
        const page = renderPlanMarkdown(plan, words, '/')
        ok(!/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(page), page)
      }),
      { numRuns: 100 },
    )
  })

  it('a number stays whole: it is copied into commands', () => {
    const says = 'accepts orders.events:3:9007199254740993-9223372036854775807'
    const deadlines = [{ at: '2025-03-04T18:20:00.000Z', says, about: EXPIRY }]
    ok(render({ deadlines }).includes(says))
  })

  it('shows what it was given', () => {
    const page = html(render({ migration: 'a`b|c', steps: [] }))
    match(page, /<code>a`b\|c<\/code>/)
  })
})

describe('a plan of any size', () => {
  const large = (steps: number, problems: number, text: string): Plan =>
    aPlan({
      steps: Array.from({ length: steps }, (_, n) => ({
        ...aPlan().steps[n % 7]!,
        id: `${n}`,
        reason: text,
      })),
      problems: Array.from({ length: problems }, (_, n) =>
        diagnostic({
          code: 'FERRY1201',
          severity: 'warning',
          detail: `${n} ${text}`,
          fix: text,
        }),
      ),
      deadlines: Array.from({ length: problems }, (_, n) => ({
        at: '2025-03-04T18:20:00.000Z',
        says: `${n} ${text}`,
        about: EXPIRY,
      })),
    })

  it('is below the limit of the forges, and says what was left out', () => {
    const page = renderPlanMarkdown(large(20_000, 500, 'x'.repeat(80)), WORDS, '/')
    ok(page.length < 65_536 && page.length > 50_000, `${page.length}`)
    match(
      page,
      /\*\*Left out for want of room:\*\* \d+ of 500 problems \(problems\), [\d,]+ of 500 deadlines \(deadlines\), [\d,]+ of 20,001 rows \(table\), [\d,]+ of 20,000 steps \(steps\)\. `ferry show FILE` shows all/,
    )
    match(html(page), /<\/table>[\s\S]*<\/details>/)
  })

  it('stays below it whatever it is made of', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...NASTY, '漢', '😀', '|', '&', 'www.'),
        fc.nat(1000),
        fc.nat(300),
        (text, steps, problems) => {
          const plan = {
            ...large(steps, problems, text.repeat(400)),
            migration: text.repeat(400),
            toolVersion: text.repeat(400),
          }
          ok(Buffer.byteLength(renderPlanMarkdown(plan, WORDS, '/')) < 65_536)
        },
      ),
      { numRuns: 12 },
    )
  })

  it('shares the room between plans, down to one line each', () => {
    for (const plans of [2, 50, 500]) {
      const page = renderPlansMarkdown(
        Array.from({ length: plans }, () => large(100, 3, 'reason')),
        WORDS,
        '/',
      )
      ok(Buffer.byteLength(page) < 65_536, `${plans}`)
      ok(page.includes('orders'))
    }
    const many = Array.from({ length: 2000 }, () => aPlan())
    match(renderPlansMarkdown(many, WORDS, '/'), /\n[\d,]+ plans of 2,000 are left out\.\n$/)
  })
})

const GOLDEN = `
### Plan: 3 to add, 0 to change, 0 to destroy; 1 to mirror, 1 group to sync, 1 topic to seal: \`orders\`, \`old-cloud\` → \`new-idc\`, nothing → producers-moved

**Deletes** nothing.

**Point of no return:** before step 7 of 7, seal \`orders.events\`: what producers then write on new-idc is not on old-cloud.

**Valid until Tue 18:20 UTC:** retention of orders.events-7 on old-cloud is the first deadline.  
**Valid until Thu 2025-03-20 10:00 UTC:** the synced positions of orders-api expire on new-idc unless its consumers start.  

| stage | | step | | what | undo |
| --- | --- | --- | --- | --- | --- |
| prepared | \`+\` | topic | \`orders.events\` | 12 partitions, rf 3, retention 8d until the seal (source: 7d) | delete (empty) |
| prepared | \`+\` | topic | \`orders.events.dead-letters.of-the-audit\` | a sentence | delete (empty) |
| prepared | \`+\` | access | \`User:orders-api\` | consume orders.events as orders-api (1 ACL) | remove 1 ACL |
| mirrored | \`*\` | mark | \`orders.events\` | 12 partitions, identical offsets, prime 1.2e6 (1 s) | forget the mark |
| mirrored | \`>\` | mirror | \`orders.events\` | 41 GiB, about 9 min at 80 MiB/s | stop |
| consumers-moved | \`=\` | sync | \`group orders-api\` | 12 partitions, 0 skipped, 0 re-read | restore 12 commits |
| | | **point of no return** | | | |
| producers-moved | \`!\` | seal | \`orders.events\` | 12 partitions, once the source is quiet for 5m | what producers then write on new-idc is not on old-cloud |

<details><summary>7 steps, with reasons and gates</summary>

1. topic \`orders.events\`: new-idc has no topic of this name
2. topic \`orders.events.dead-letters.of-the-audit\`: new-idc has no topic of this name
3. access \`User:orders-api\`: it is missing
4. mark \`orders.events\`: not marked
5. mirror \`orders.events\`: not mirrored
6. sync \`group orders-api\`: not synced
   - waits until orders-api is empty on old-cloud
   - waits until orders-api is empty or absent on new-idc, and stays so until its positions are written
7. seal \`orders.events\`: not sealed

</details>

<sub>ferry 0.1.0 · Sun 2025-03-02 10:00:00 UTC · plan \`DIGEST\`</sub>
`
