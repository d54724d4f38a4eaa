import { deepStrictEqual, match, ok } from 'node:assert'
import { describe, it } from 'vitest'
import { explain } from '../../src/cli/commands/explain.ts'
import { CODES } from '../../src/domain/diagnostic-codes.ts'
import { renderCodePage } from '../../src/views/explain.ts'
import { PLAIN } from '../../src/views/style.ts'

describe('explain', () => {
  for (const code of Object.keys(CODES)) {
    it(code, () => {
      match(code, /^FERRY[12][0-9]{3}$/)
      const page = explain(code)
      ok(page.title.split(' ').length <= 6, `title of ${code} is too long: ${page.title}`)
      ok(page.explanation.length > 20, `${code} explains nothing`)
      ok(!/\s$|\.$/.test(page.title), `title of ${code} ends badly`)
      match(page.explanation, /[.`]$/)
    })
  }

  it('renders a page', () => {
    deepStrictEqual(
      renderCodePage({ code: 'FERRY1111', ...CODES.FERRY1111 }, PLAIN, 80),
      `FERRY1111 Cannot write file

A file that was to be written (a plan, a formatted or an imported file) could
not be. Nothing on the clusters was changed. Give a path in a folder that exists
and that you may write to.

Exit code 1.
`,
    )
  })
})
