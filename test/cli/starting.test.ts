import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { realServices } from '../../src/app/real-services.ts'
import { run } from '../../src/cli/run.ts'
import { CODES } from '../../src/domain/diagnostic-codes.ts'
import { streamsForTesting, type TestStreamsOptions } from './streams-for-testing.ts'

/** The verbs that help people start and need no broker, each run whole. */

const ferry = async (
  cwd: string,
  argv: readonly string[],
  options: TestStreamsOptions = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
  const streams = streamsForTesting({ cwd, ...options })
  const code = await run(argv, streams, realServices(streams.env))
  return { code, out: streams.out(), err: streams.err() }
}

const folder = (name = 'shop'): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'ferry-start-')), name)
  mkdirSync(path)
  return path
}

const ENV = {
  OLD_CLUSTER_ID: 'old-id',
  OLD_BOOTSTRAP: 'old:9092',
  NEW_IDC_CLUSTER_ID: 'new-id',
  NEW_IDC_BOOTSTRAP: 'new:9092',
}

describe('init', () => {
  test('writes a project that is valid and in canonical form once its variables are set', async () => {
    const cwd = folder()
    const made = await ferry(cwd, ['init', '--from', 'old', '--to', 'new-idc'])
    expect(made).toMatchObject({ code: 0, err: '' })
    for (const name of Object.keys(ENV)) expect(made.out).toContain(name)
    expect(readFileSync(join(cwd, 'ferry.yaml'), 'utf8')).toContain('metadata: { name: shop }')
    expect(readFileSync(join(cwd, 'clusters/new-idc.yaml'), 'utf8')).toMatch(
      /^# yaml-language-server: \$schema=\.\.\/schemas\/cluster\.schema\.json\n/,
    )
    expect((await ferry(cwd, ['validate'])).code).toBe(1)
    expect(await ferry(cwd, ['validate'], { env: ENV })).toMatchObject({
      code: 0,
      out: '3 files are valid.\n',
    })
    expect(await ferry(cwd, ['fmt', '--check'], { env: ENV })).toEqual({
      code: 0,
      out: '',
      err: '',
    })
  })

  test('overwrites nothing, and leaves nothing behind where one file exists', async () => {
    const cwd = folder()
    mkdirSync(join(cwd, 'clusters'))
    writeFileSync(join(cwd, 'clusters/new.yaml'), 'mine')
    const refused = await ferry(cwd, ['init', '--from', 'old', '--to', 'new'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('FERRY2011')
    expect(() => readFileSync(join(cwd, 'ferry.yaml'))).toThrow('ENOENT')
    expect(readFileSync(join(cwd, 'clusters/new.yaml'), 'utf8')).toBe('mine')
  })

  test('begins in a folder that has a .gitignore: it is left alone, and what it lacks is said', async () => {
    for (const [text, lacks] of [
      ['node_modules/\n', true],
      ['a\n/.ferry\nb\n', false],
    ] as const) {
      const cwd = folder()
      writeFileSync(join(cwd, '.gitignore'), text)
      const made = await ferry(cwd, ['init', '--from', 'old', '--to', 'new'])
      expect(made).toMatchObject({ code: 0, err: '' })
      expect(made.out.includes('Add .ferry/ to .gitignore')).toBe(lacks)
      expect(readFileSync(join(cwd, '.gitignore'), 'utf8')).toBe(text)
    }
  })

  test('asks on a terminal for what no flag says, and not elsewhere', async () => {
    const cwd = folder('Not A Name')
    const missing = await ferry(cwd, ['init', '--from', 'old', '--to', 'new'])
    expect(missing).toMatchObject({ code: 64 })
    expect(missing.err).toContain('--name')
    // All that is missing at once.
    expect((await ferry(folder(), ['init'])).err).toContain('Give --from NAME and --to NAME')
    const asked = await ferry(cwd, ['init'], { tty: true, answers: ['stock', 'old', 'new'] })
    expect(asked.code).toBe(0)
    expect(readFileSync(join(cwd, 'ferry.yaml'), 'utf8')).toContain('name: stock')
    expect((await ferry(folder(), ['init', '--from', 'a', '--to', 'a'])).code).toBe(64)
    expect((await ferry(folder(), ['init', '--from', '../a', '--to', 'b'])).code).toBe(64)
  })
})

describe('fmt', () => {
  test('says where there is no project, as every verb does', async () => {
    const { code, err } = await ferry(folder(), ['fmt', '--check'])
    expect([code, err]).toEqual([1, expect.stringContaining('FERRY1019')])
  })

  test('lists what is not in canonical form, writes it, and goes on where a file is broken', async () => {
    const cwd = folder()
    await ferry(cwd, ['init', '--from', 'old', '--to', 'new'])
    const text = 'kind: Migration\napiVersion: ferry/v1\n'
    mkdirSync(join(cwd, 'plans'))
    writeFileSync(join(cwd, 'plans/a.yaml'), text)
    writeFileSync(join(cwd, 'plans/b.yaml'), 'a: [')
    const looked = await ferry(cwd, ['fmt', '--check'])
    expect(looked).toMatchObject({ code: 1, out: 'plans/a.yaml\n' })
    expect(looked.err).toContain('plans/b.yaml:1:')
    expect(readFileSync(join(cwd, 'plans/a.yaml'), 'utf8')).toBe(text)
    expect(await ferry(cwd, ['fmt', 'plans/a.yaml'])).toEqual({
      code: 0,
      out: 'plans/a.yaml\n',
      err: '',
    })
    expect(readFileSync(join(cwd, 'plans/a.yaml'), 'utf8')).toBe(
      'apiVersion: ferry/v1\nkind: Migration\n',
    )
    expect(await ferry(cwd, ['fmt', '--check', 'plans/a.yaml'])).toMatchObject({ code: 0, out: '' })
  })

  test('puts the new text in place of the old at once, with its rights, also through a link', async () => {
    const cwd = folder()
    const [file, link, before] = ['a.yaml', 'link.yaml', 'before.yaml'].map((name) =>
      join(cwd, name),
    ) as [string, string, string]
    const text = 'kind: Migration\napiVersion: ferry/v1\n'
    writeFileSync(file, text)
    chmodSync(file, 0o640)
    symlinkSync('a.yaml', link)
    // The old text is never written over, so that a crash leaves one of the two.
    linkSync(file, before)
    expect(await ferry(cwd, ['fmt', 'link.yaml'])).toMatchObject({ code: 0, err: '' })
    expect(readFileSync(file, 'utf8')).toBe('apiVersion: ferry/v1\nkind: Migration\n')
    expect(readFileSync(before, 'utf8')).toBe(text)
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(lstatSync(file).mode & 0o777).toBe(0o640)
    expect(readdirSync(cwd).sort()).toEqual(['a.yaml', 'before.yaml', 'link.yaml'])
  })
})

describe('fmt of what cannot be written', () => {
  const text = 'kind: Migration\napiVersion: ferry/v1\n'

  test('says why, without a stack, and does the other files', async () => {
    const cwd = folder()
    // The new text is written beside it under a longer name, which no file system takes: nobody may do that, not even root.
    const long = `${'a'.repeat(245)}.yaml`
    for (const name of [long, 'b.yaml']) writeFileSync(join(cwd, name), text)
    const { code, out, err } = await ferry(cwd, ['fmt', long, 'b.yaml'])
    expect([code, out]).toEqual([1, 'b.yaml\n'])
    expect(err.replaceAll(/\s+/g, ' ')).toMatch(
      /FERRY1111.*cannot be written: its name is too long to write a new text beside it\./,
    )
    expect(err).not.toMatch(/FERRY19|^ +at /m)
    expect(readFileSync(join(cwd, long), 'utf8')).toBe(text)
    expect(readdirSync(cwd).sort()).toEqual([long, 'b.yaml'])
  })
})

describe('completion', () => {
  /** What bash offers for a line that ends where the cursor is. */
  const offers = async (...words: string[]): Promise<readonly string[]> => {
    const { out } = await ferry('/', ['completion', 'bash'])
    const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _ferry; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', `${out}\n${line}`], { encoding: 'utf8' })
      .split('\n')
      .filter((each) => each !== '')
  }

  test('in bash: verbs, flags of the verb, values of the flag', async () => {
    expect(await offers('ferry', 'do')).toEqual(['doctor'])
    expect(await offers('ferry', 'graph', '--')).toEqual(
      expect.arrayContaining(['--dot', '--json', '--quiet']),
    )
    expect(await offers('ferry', 'graph', '--')).not.toContain('--detailed-exitcode')
    expect(await offers('ferry', 'plan', '--det')).toEqual(['--detailed-exitcode'])
    expect(await offers('ferry', 'plan', '--log-level', '')).toEqual([
      'debug',
      'info',
      'warn',
      'error',
    ])
  })

  test.each(['bash', 'zsh', 'fish'])('%s has every verb and its flags', async (shell) => {
    const { code, out } = await ferry('/', ['completion', shell])
    expect(code).toBe(0)
    for (const verb of ['init', 'import', 'plan', 'apply', 'unlock']) expect(out).toContain(verb)
    expect(out).toContain('detailed-exitcode')
  })

  test('knows no other shell', async () => {
    expect((await ferry('/', ['completion', 'tcsh'])).code).toBe(64)
  })
})

describe('explain', () => {
  test('without a code lists all of them', async () => {
    const { code, out } = await ferry('/', ['explain'])
    expect(code).toBe(0)
    expect(out.trimEnd().split('\n')).toHaveLength(Object.keys(CODES).length + 1)
    expect(out).toContain('FERRY1401     5  Plan is stale')
  })
})

describe('import', () => {
  test.each([
    [['--to', 'b', '--group', 'g'], '--from'],
    [['--from', 'a', '--to', 'b'], '--group'],
    [['--from', 'a', '--to', 'b', '--group', 'g', '--name', 'No'], '--name'],
  ])('%j is wrong use', async (argv, named) => {
    const { code, err } = await ferry(folder(), ['import', ...argv])
    expect(code).toBe(64)
    expect(err).toContain(named)
  })
})
