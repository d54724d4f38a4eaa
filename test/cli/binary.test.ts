import { deepStrictEqual, ok } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'

/** `npm test` builds it first. FERRY_MAIN is for a build elsewhere. */
const MAIN = process.env.FERRY_MAIN ?? new URL('../../dist/main.js', import.meta.url).pathname

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'ferry-binary-'))

const ferry = (argv: readonly string[], cwd = newFolder()) => {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME }
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], {
    cwd,
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

/** Says at its end on stderr what CPU time it took: seconds of the clock say more of what else a machine does. */
const TOLD = `data:text/javascript,${encodeURIComponent(`
import { writeSync } from 'node:fs'
process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  writeSync(2, 'CPU ' + Math.round((user + system) / 1000))
})`)}`

const cpuMsOf = (argv: readonly string[], cwd = newFolder()) => {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME }
  const args = ['--import', TOLD, ...argv]
  const ended = spawnSync(process.execPath, args, { cwd, env, encoding: 'utf8' })
  const [, stderr = ended.stderr, cpu] = /^(.*)CPU (\d+)$/s.exec(ended.stderr) ?? []
  return { status: ended.status, stdout: ended.stdout, stderr, cpuMs: Number(cpu) }
}

describe('the built ferry', () => {
  it('prints its help', () => {
    const { status, stdout, stderr } = ferry(['--help'])
    deepStrictEqual({ status, stderr }, { status: 0, stderr: '' })
    deepStrictEqual(stdout, HELP)
  })

  it('writes all of a long result into a pipe', () => {
    const { status, stdout } = ferry(['schema', 'plan'])
    deepStrictEqual({ status, id: JSON.parse(stdout).title }, { status: 0, id: 'Ferry plan' })
  })

  it('does not complain when its reader goes away', () => {
    const { status, stderr } = spawnSync(
      'bash',
      [
        '-c',
        `set -o pipefail; '${process.execPath}' '${MAIN}' schema migration | head -c 1 >/dev/null`,
      ],
      { encoding: 'utf8' },
    )
    deepStrictEqual({ status, stderr }, { status: 0, stderr: '' })
  })

  it('ends with the exit code of its first error', () => {
    deepStrictEqual(ferry(['pan']).status, 64)
    const { status, stdout, stderr } = ferry(['validate'])
    deepStrictEqual(
      { status, stdout, code: stderr.slice(0, 15) },
      { status: 1, stdout: '', code: 'error FERRY1019' },
    )
  })

  it('is quick to help', () => {
    const times = Array.from({ length: 5 }, () => cpuMsOf([MAIN, '--help']).cpuMs)
    // The design says 150 ms on an idle machine; the best of five with room for a slow one.
    ok(Math.min(...times) < 400, `${Math.min(...times)} ms of CPU`)
  })

  it('validates 500 plan files in 2 s', () => {
    const folder = newFolder()
    const file = (path: string, kind: string, name: string, spec: string) =>
      writeFileSync(
        join(folder, path),
        `apiVersion: ferry/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:\n${spec}`,
      )
    for (const sub of ['clusters', 'plans']) mkdirSync(join(folder, sub))
    writeFileSync(
      join(folder, 'ferry.yaml'),
      'apiVersion: ferry/v1\nkind: Project\nmetadata: { name: shop }\nspec: {}\n',
    )
    for (const [i, name] of ['old', 'new'].entries()) {
      file(
        `clusters/${name}.yaml`,
        'Cluster',
        name,
        `  clusterId: ${name}\n  bootstrapServers: [127.0.0.1:909${i}]\n`,
      )
    }
    for (let i = 0; i < 500; i++) file(`plans/svc-${i}.yaml`, 'Migration', `svc-${i}`, service(i))
    const { status, stdout, stderr, cpuMs } = cpuMsOf([MAIN, 'validate'], folder)
    deepStrictEqual(
      { status, stdout, stderr },
      { status: 0, stdout: '503 files are valid.\n', stderr: '' },
    )
    // The design says 2 s; with room for a slow machine.
    ok(cpuMs < 6_000, `${cpuMs} ms of CPU`)
  })
})

const service = (i: number): string => `  from: old
  to: new
  stage: mirrored
  topics:
    - name: events.${i}
      configs: { retention.ms: 86400000 }
    - name: payments.${i}
  groups:
    - id: api.${i}
  access:
    - { principal: "User:api-${i}", consume: { topics: [events.${i}], groups: [api.${i}] } }
`

const HELP = `Usage: ferry [options] [command]

Moves services from an old Kafka cluster to a new one, as code: exact offsets, reviewed plans,
proven results.

Options:
  --version                          print the version
  --chdir <dir>                      work in this folder, as if Ferry had been started there
  --project <file>                   the project file (default: ferry.yaml)
  --no-color                         no colours; NO_COLOR in the environment does the same
  --quiet                            no progress: only the result, warnings and errors
  --log-level <level>                how much of its own work Ferry tells on stderr (choices:
                                     "debug", "info", "warn", "error", default: "warn")
  --log-format <format>              json: what goes to stderr as one JSON object a line (choices:
                                     "text", "json", default: "text")
  --input <answer>                   --input=false never asks, also on a terminal (choices: "true",
                                     "false", default: "true")
  -h, --help                         print help

Commands:
  init [options]                     start a project
  import [options]                   write a plan file from a live cluster
  validate [options]                 check every file of the project, without asking a broker
  fmt [options] [file...]            bring files into canonical form
  doctor [options] [name...]         look for what would get in the way of a migration
  graph [options]                    which services must move together
  plan [options] [name...]           show what apply would do
  show [options] <file>              show a plan file
  apply [options] [file or name...]  run a plan
  mirror [options] [name...]         keep mirrored migrations mirrored until stopped
  status [options] [name...]         where a migration is, and what is next
  verify [options] [name]            compare records and positions on both clusters
  receipt [options] <name>           the receipt of a migration that is retired
  drift [options] [name...]          what changed outside of Ferry
  rollback [options] <name>          go back to an earlier stage
  resync [options] <name>            mirror topics anew, or go on behind a gap
  salvage [options] <name>           append records that came too late
  index [options] <action> <name>    write the offset index for positions kept elsewhere
  state [options] <what> [name...]   look at, copy, restore or forget what is recorded
  unlock [options] <name>            free the lock of a process that is gone
  explain [code]                     what a diagnostic code means, and the ways on
  schema <kind>                      print the JSON schema of a kind of file
  completion <shell>                 print completions for a shell
  version [options]                  print the version
  help [verb]                        print help for a verb

A migration, from the first look to the end:
  ferry validate                       check every file of the project
  ferry plan orders -o orders.plan     show what would be done, and keep it
  ferry apply orders.plan              do just that
  ferry status orders                  where it is, and what is next
  ferry verify orders --full           compare every record and every position

Exit codes: 0 done, 1 error, 2 changes pending, 3 drift, 4 blocked, 5 stale plan or wrong cluster,
6 locked, 7 stopped at a gate, 8 partly applied, 9 not verified, 64 usage, 130 interrupted.

`
