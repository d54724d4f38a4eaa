import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What a garbage collection leaves, inside and outside of V8's heap, in bytes. Buffers are given back a turn later. */
export const memoryInUse = async (): Promise<number> => {
  for (let i = 0; i < 3; i++) {
    collect()
    await pause(50)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
