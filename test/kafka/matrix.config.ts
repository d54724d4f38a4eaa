import { defineConfig } from 'vitest/config'
import { PROJECT_FOLDER } from './paths.ts'

/** All Kafka versions, one cluster at a time: `npx vitest run --config test/kafka/matrix.config.ts`. */
export default defineConfig({
  test: {
    root: PROJECT_FOLDER,
    include: ['test/kafka/*.test.ts'],
    env: { MATRIX: '1' },
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
})
