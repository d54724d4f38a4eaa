/** Applies, and kills itself at the given boundary. Run by `crash.test.ts` with a folder and a number. */
import { crashingApply } from './crash-steps.ts'

let left = Number(process.argv[3])
const result = await crashingApply(process.argv[2] ?? '', () => {
  if (--left === 0) process.kill(process.pid, 'SIGKILL')
}).run()
process.exitCode = result.status === 'done' ? 0 : 1
