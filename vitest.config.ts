import { defineConfig } from 'vitest/config'

/**
 * Tests start real brokers, each a JVM, and wait for them, for groups and for clocks much of the time: three files side by side keep two
 * cores busy nine tenths of it (25 minutes; two files took 30). More would make each other miss their deadlines. What is measured is counted
 * in CPU time.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/**/*.slow.test.ts', 'node_modules/**'],
    globalSetup: ['test/fresh-build.ts'],
    maxWorkers: 3,
    // For what hangs: on slow cores, with others beside them, tests take three times what they take alone, and hooks start brokers.
    testTimeout: 480_000,
    hookTimeout: 600_000,
    reporters: ['default'],
  },
})
