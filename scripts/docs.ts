import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { documents } from './reference.ts'

/** `npm run docs`: writes docs/reference/ and the usage block of README.md anew. A test compares them with what is checked in. */
for (const [file, text] of await documents()) {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  console.log(file)
}
