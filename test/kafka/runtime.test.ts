import { deepStrictEqual, rejects } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { detectRuntime } from './runtime.ts'

const java = ['java -version', '/bin/sh -c command -v javac', '/bin/sh -c command -v mvn']
const docker = ['docker info', 'docker compose version']
const podman = ['podman info', 'podman compose version']

const having = (commands: readonly string[]) =>
  detectRuntime(async (...words) => commands.includes(words.join(' ')))

describe('detectRuntime', () => {
  const cases = [
    { name: 'Java alone', has: java, want: { kind: 'java' } },
    { name: 'Java is preferred', has: [...java, ...docker], want: { kind: 'java' } },
    { name: 'a JRE without Maven', has: [java[0]!, ...podman], want: 'podman' },
    { name: 'Docker before Podman', has: [...docker, ...podman], want: 'docker' },
    { name: 'Docker without an engine', has: [docker[1]!, ...podman], want: 'podman' },
    { name: 'Docker without compose', has: [docker[0]!, ...podman], want: 'podman' },
  ]
  for (const { name, has, want } of cases) {
    it(name, async () => {
      const engine = typeof want === 'string' ? { kind: 'container', engine: want } : want
      deepStrictEqual(await having(has), engine)
    })
  }

  it('says in one sentence what to install', async () => {
    await rejects(
      having([docker[1]!]),
      /^Error: Real Kafka brokers need a JDK.*install one of them\.$/,
    )
  })
})
