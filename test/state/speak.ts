/**
 * A process that speaks for the partitions 0 to 9 of `a` under the generation that it is told, line by line on stdin, and answers which of them
 * it has. Its argument is the folder of the progress. Run by pack-processes.test.ts.
 */
import { createInterface } from 'node:readline'
import { SpokenFor } from '../../src/domain/partition-progress.ts'
import { FileProgress } from '../../src/state/file-progress.ts'
import { sampleProgress } from './samples.ts'

const store = new FileProgress(process.argv[2] ?? '')
process.stdout.write('ready\n')
for await (const line of createInterface({ input: process.stdin })) {
  const holder = { host: 'laptop', pid: process.pid, generation: Number(line) }
  const words = Array.from({ length: 10 }, (_, partition) =>
    sampleProgress('a', partition, { holder }),
  )
  let refused: SpokenFor | undefined
  try {
    // Half of them first, in another order in each process.
    const halves = [words.slice(0, 5), words.slice(5)]
    if (process.pid % 2 === 0) halves.reverse()
    for (const half of halves) {
      await store.write(half).catch((error: unknown) => {
        if (!(error instanceof SpokenFor)) throw error
        refused = new SpokenFor([...(refused?.by ?? []), ...error.by])
      })
    }
    const has = words.filter((each) => refused?.isOf(each) !== true)
    process.stdout.write(`${has.map(({ partition }) => partition).join(' ')}\n`)
  } catch (error) {
    process.stdout.write(`failed: ${error}\n`)
  }
}
