import { strictEqual } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'vitest'
import { publishFolder } from './jars.ts'

describe('publishFolder', () => {
  let root: string
  let folder: string

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'ferry-jars-'))
    folder = join(root, 'final')
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  const make = async (path: string, text: string) => {
    await mkdir(path)
    await writeFile(join(path, 'stamp'), text)
    return path
  }
  const stamp = () => readFile(join(folder, 'stamp'), 'utf8').catch(() => '')
  const publish = async (name: string, text: string) => {
    const fresh = await make(join(root, name), text)
    await publishFolder({ fresh, folder, isGood: async () => (await stamp()) === text })
  }

  it('replaces what is outdated', async () => {
    await make(folder, 'old')
    await publish('fresh', 'new')
    strictEqual(await stamp(), 'new')
  })

  it('keeps what another process has finished first', async () => {
    await make(folder, 'new')
    await publish('fresh', 'new')
    strictEqual(await stamp(), 'new')
    strictEqual(existsSync(join(root, 'fresh')), true)
  })

  it('lets many callers race', async () => {
    await make(folder, 'old')
    await Promise.all(Array.from({ length: 8 }, (_, i) => publish(`fresh-${i}`, 'new')))
    strictEqual(await stamp(), 'new')
    const left = (await readdir(root)).filter((name) => name.startsWith('final.'))
    strictEqual(left.length, 0)
  })
})
