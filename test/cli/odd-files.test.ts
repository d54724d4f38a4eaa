import { execFileSync, spawn } from 'node:child_process'
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planText } from '../../src/app/plan-file.ts'
import { ENV } from '../config/_example.ts'
import { waitFor } from '../kafka/wait.ts'
import { aPlan } from '../views/a-plan.ts'

/** What is no file where a file should be, through the built ferry: opening a pipe that nobody writes to never comes back by itself. */

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname
/** For what hangs. */
const LONGEST_MS = 120_000

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-odd-'))
  cpSync(new URL('../fixtures/config/project', import.meta.url), folder, { recursive: true })
  execFileSync('mkfifo', [join(folder, 'pipe'), join(folder, 'plans/pipe.yaml')])
  const main = readFileSync(join(folder, 'ferry.yaml'), 'utf8')
  writeFileSync(join(folder, 'one.yaml'), main.replace('plans/*.yaml', 'plans/orders.yaml'))
  writeFileSync(join(folder, 'orders.plan'), planText(aPlan()))
})
afterAll(() => rmSync(folder, { recursive: true }))

const start = (command: readonly string[]) => {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...ENV },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
  }
  const ended = new Promise<{ code: number | null; signal: string | null; text: string }>(
    (resolve) => child.once('close', (code, signal) => resolve({ code, signal, text })),
  )
  return { child, ended }
}

const ferry = (...args: readonly string[]) => {
  const { child, ended } = start([process.execPath, MAIN, ...args])
  child.stdin.end()
  return ended
}

describe('a pipe that nobody writes to is refused', () => {
  test.each([
    ['validate'],
    ['show', 'pipe'],
    ['fmt', '--check', 'pipe'],
    ['apply', './pipe'],
    ['state', 'push', 'orders', 'pipe'],
    ['--project', 'pipe', 'graph'],
  ])('ferry %s %s %s', async (...args) => {
    // All but the first look at another file than this.
    const isFirst = args[0] === 'validate'
    const { code, text } = await ferry(
      ...args,
      ...(args[0] === 'state' ? ['--project', 'one.yaml'] : []),
    )
    expect({ code, text }).toMatchObject({ code: 1 })
    expect(text).toContain('FERRY1001 File cannot be read')
    expect(text.replaceAll(/\s+/g, ' ')).toMatch(
      new RegExp(`${isFirst ? 'plans/pipe.yaml' : 'pipe'}.* is a pipe, a socket or a device`),
    )
  })
})

describe('what a shell hands over is read', () => {
  test.each([
    ['show <(cat orders.plan)'],
    ['show /dev/stdin < orders.plan'],
    ['show /dev/stdin < <(cat orders.plan)'],
    ['show /dev/fd/7 7< orders.plan'],
    ['fmt --check <(cat plans/orders.yaml)'],
  ])('ferry %s', async (line) => {
    const { child, ended } = start(['bash', '-c', `'${process.execPath}' '${MAIN}' ${line}`])
    child.stdin.end()
    const { code, text } = await ended
    expect({ code, text }).toMatchObject({ code: 0 })
  })
})

describe('one that waits for what never comes', () => {
  test('ends with the first signal', async () => {
    const { child, ended } = start(waitingForFd7('show'))
    await reading(child.pid!)
    child.kill('SIGTERM')
    const { code, signal, text } = await ended
    // 130 to a shell.
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGINT' })
    expect(text).toContain('Interrupted.')
  })

  test('ends with the third, also where it finishes a step first', async () => {
    const { child, ended } = start(waitingForFd7('apply'))
    await reading(child.pid!)
    child.kill('SIGINT')
    child.kill('SIGTERM')
    await waitFor('ferry to leave', { timeoutMs: LONGEST_MS }, () => {
      child.kill('SIGINT')
      return child.exitCode !== null || child.signalCode !== null ? true : undefined
    })
    // Before the time that a second one leaves a step to end in: after it, this is said.
    expect(await ended).toMatchObject({
      signal: 'SIGINT',
      text: expect.not.stringContaining('Inter'),
    })
  })
})

/** A pipe that Ferry itself could write to: it never comes to an end. */
const waitingForFd7 = (verb: string): readonly string[] => [
  'bash',
  '-c',
  `exec 7<>pipe; exec '${process.execPath}' '${MAIN}' ${verb} /dev/fd/7`,
]

/** It has opened the pipe once more. */
const reading = (pid: number) =>
  waitFor('it to read', { timeoutMs: LONGEST_MS }, () => {
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    return open.filter((path) => path === realpathSync(join(folder, 'pipe'))).length > 1
      ? true
      : undefined
  })
