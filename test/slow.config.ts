import { defineConfig, mergeConfig } from 'vitest/config'
import config from '../vitest.config.ts'

/** What waits for minutes, because a broker's own clock has to pass: `npm run test:slow`. */
export default mergeConfig(
  { ...config, test: { ...config.test, include: [], exclude: ['node_modules/**'] } },
  defineConfig({
    test: { include: ['test/**/*.slow.test.ts'], fileParallelism: false, testTimeout: 300_000 },
  }),
)
