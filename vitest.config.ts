import { defineConfig } from 'vitest/config'

/**
 * Tests start real brokers, each a JVM. Files run one after another: two of them at once on two cores make each other miss their
 * deadlines, and take no less time together.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/**/*.slow.test.ts', 'node_modules/**'],
    globalSetup: ['test/fresh-build.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['default'],
  },
})
