import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync('docs').map((name) => `docs/${name}`)]
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(name, 'utf8') }))

it('what the docs name of the code is there', () => {
  const named = pages.flatMap(({ name, text }) =>
    [...text.matchAll(/\b(?:src|test|bench|scripts|demo)\/[\w./-]*\w(?:\.\w+|\/)/g)].map(
      ([path]) => ({ name, path }),
    ),
  )
  expect(named.length).toBeGreaterThan(30)
  const isThere = ({ name, path }: { readonly name: string; readonly path: string }) =>
    existsSync(path) || existsSync(join(dirname(name), path))
  expect(named.filter((each) => !isThere(each))).toEqual([])
})

it('the map names every folder of the code, and files of the mirror that are there', () => {
  const { text } = pages.find(({ name }) => name === 'CONTRIBUTING.md')!
  const folders = readdirSync('src', { withFileTypes: true }).flatMap((each) =>
    each.isDirectory() ? [`src/${each.name}/`] : [],
  )
  expect(folders.filter((folder) => !text.includes(`\n${folder} `))).toEqual([])
  const mirror = text.slice(text.indexOf('In `src/mirror/`'), text.indexOf('Imports point inwards'))
  const files = [...mirror.matchAll(/`([\w-]+\.ts)`/g)].map(([, file]) => file!)
  expect(files.length).toBeGreaterThan(20)
  expect(files.filter((file) => !existsSync(`src/mirror/${file}`))).toEqual([])
})
