import { strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { describe, it } from 'vitest'
import { ownFile, PROJECT_FOLDER } from './paths.ts'
import { waitFor } from './wait.ts'

const SCRIPT = `
  import { readlinkSync, readFileSync } from 'node:fs'
  const { startKafka } = await import(${JSON.stringify(ownFile('index.ts'))})
  const cluster = await startKafka({ version: process.argv[1] })
  const { pid } = cluster.brokers[0]
  const [, folder] = /(\\/[^\\0]*)\\/server-1.properties/.exec(readFileSync('/proc/' + pid + '/cmdline', 'latin1'))
  console.log(JSON.stringify({ pid, folder }))
  setInterval(() => {}, 1000)
`

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

if (process.platform === 'linux')
  describe('cleanup', () => {
    for (const version of ['4.x', '2.8']) {
      it(`removes brokers and data of ${version} after kill -9 of the process that started them`, async () => {
        const args = ['--import', 'tsx', '--input-type=module', '-e', SCRIPT, version]
        const child = spawn(process.execPath, args, {
          cwd: PROJECT_FOLDER,
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        const [line] = (await once(child.stdout, 'data')) as [Buffer]
        const { pid, folder } = JSON.parse(line.toString()) as { pid: number; folder: string }
        strictEqual(isAlive(pid), true)
        strictEqual(existsSync(folder), true)

        child.kill('SIGKILL')
        await waitFor('the broker to die', { timeoutMs: 10_000 }, () => !isAlive(pid) || undefined)
        await waitFor(
          'its folder to go',
          { timeoutMs: 10_000 },
          () => !existsSync(folder) || undefined,
        )
      })
    }
  })
