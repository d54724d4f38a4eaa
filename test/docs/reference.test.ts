import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { documents } from '../../scripts/reference.ts'

test('what is generated is what is checked in: if not, run npm run docs', async () => {
  const generated = await documents()
  expect(generated.size).toBe(8)
  for (const [file, text] of generated) {
    expect(await readFile(file, 'utf8'), file).toBe(text)
  }
})
