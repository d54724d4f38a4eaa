import { defineConfig } from 'vitest/config'
import { PROJECT_FOLDER } from '../kafka/paths.ts'

/** `npm run test:soak`: about ten minutes; FERRY_SOAK_SECONDS says how long the service lives between the moves. */
export default defineConfig({
  test: {
    root: PROJECT_FOLDER,
    include: ['test/soak/*.soak.ts'],
    globalSetup: ['test/fresh-build.ts'],
    fileParallelism: false,
    testTimeout: 900_000,
  },
})
