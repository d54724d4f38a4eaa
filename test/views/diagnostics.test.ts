import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import { renderDiagnostics } from '../../src/views/diagnostics.ts'
import { PLAIN } from '../../src/views/style.ts'

const at = (line: number) => ({
  file: '/shop/plans/orders.yaml',
  line,
  column: 5,
  pointer: '/spec',
})
const unknownKey = diagnostic({
  code: 'FERRY1003',
  summary: 'Unknown key',
  detail:
    '`topic` is not a key of a migration. Ferry refuses keys that it does not know, because a mistyped guard would be no guard at all.',
  fix: 'Write `topics`, or take the key out; `ferry schema migration` prints all keys with what they mean.',
  at: at(12),
})
const render = (diagnostics: Parameters<typeof renderDiagnostics>[0], columns = 80) =>
  renderDiagnostics(diagnostics, { style: PLAIN, columns, cwd: '/shop' })

describe('renderDiagnostics', () => {
  it('is empty for none', () => deepStrictEqual(render([]), ''))

  it('shows code, place, detail and fix, errors first, by place, each once, with counts', () => {
    const early = { ...unknownKey, detail: 'Early.', fix: '', at: at(2) }
    const warning = diagnostic({
      code: 'FERRY1306',
      severity: 'warning',
      detail: 'Risky.',
      fix: 'Do not.',
    })
    deepStrictEqual(
      `\n${render([warning, unknownKey, unknownKey, early])}`,
      `
error FERRY1003 Unknown key  plans/orders.yaml:2:5
  Early.

error FERRY1003 Unknown key  plans/orders.yaml:12:5
  \`topic\` is not a key of a migration. Ferry refuses keys that it does not know,
  because a mistyped guard would be no guard at all.
  fix: Write \`topics\`, or take the key out; \`ferry schema migration\` prints all
       keys with what they mean.

warning FERRY1306 Target may lose records
  Risky.
  fix: Do not.

2 errors, 1 warning.
`,
    )
  })

  it('keeps files outside the folder absolute', () => {
    const elsewhere = {
      ...unknownKey,
      detail: '',
      fix: '',
      at: { ...at(1), file: '/other/x.yaml' },
    }
    deepStrictEqual(render([elsewhere]), 'error FERRY1003 Unknown key  /other/x.yaml:1:5\n')
  })

  it('lets no name move the cursor', () => {
    const evil = { ...unknownKey, detail: 'group \u001b[2Jx', fix: '', at: at(1) }
    deepStrictEqual(
      render([evil]),
      'error FERRY1003 Unknown key  plans/orders.yaml:1:5\n  group \\u001b[2Jx\n',
    )
  })
})
