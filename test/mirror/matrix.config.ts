import { defineConfig } from 'vitest/config'
import { PROJECT_FOLDER } from '../kafka/paths.ts'

/** `npm run test:matrix`: every kind of data from every Kafka version to the newest, about two minutes each, and more kills. */
export default defineConfig({
  test: {
    root: PROJECT_FOLDER,
    include: ['test/mirror/*.slow.test.ts', 'test/mirror/holes.test.ts'],
    env: { FERRY_TEST_KILLS: '8' },
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
