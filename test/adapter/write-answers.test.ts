import { describe, expect, test } from 'vitest'
import { type AclBinding, aclKey } from '../../src/domain/access.ts'
import type { Answers } from '../../src/domain/answers.ts'
import { FerryError } from '../../src/domain/diagnostic.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import { Secret } from '../../src/domain/secret.ts'
import { Acls } from '../../src/kafka/acls.ts'
import type { Brokers } from '../../src/kafka/brokers.ts'
import { ErrorCode } from '../../src/kafka/error-codes.ts'
import { FaultReporter } from '../../src/kafka/faults.ts'
import { Session } from '../../src/kafka/session.ts'
import { Topics } from '../../src/kafka/topics.ts'
import { Users } from '../../src/kafka/users.ts'
import type { Api } from '../../src/kafka/wire/api.ts'
import { Decoder } from '../../src/kafka/wire/decoder.ts'
import { Encoder } from '../../src/kafka/wire/encoder.ts'
import { specOf } from './connect.ts'

/**
 * What a write call makes of the bytes of an answer: an error in the middle is that item's alone, and an item that the answer leaves out
 * is an error and never taken for done. No broker answers short when it is asked to, so the bytes are written here.
 */

/** INVALID_CONFIG stands for any refusal that is final. */
const REFUSED = 40
const UNKNOWN = ErrorCode.UNKNOWN_SERVER_ERROR

type Write = (to: Encoder, items: readonly (readonly [string, number])[]) => void

class Answered extends Session {
  /** Whether it was done is another question. */
  override untilSeen = async (): Promise<void> => {}
}

const session = (bytes: (flexible: boolean, version: number) => Buffer): Session => {
  const broker = {
    call: async <Q, A>(api: Api<Q, A>): Promise<A> => {
      const version = api.versions[1]
      const flexible = version >= api.flexibleFrom
      return api.decode(new Decoder(bytes(flexible, version), flexible), version)
    },
    negotiate: () => 0,
  }
  const brokers = {
    options: { requestTimeoutMs: 1_000 },
    controllerId: 1,
    refresh: async () => {},
    any: async () => broker,
    supports: () => 1,
  } as unknown as Brokers
  const spec = specOf({ version: '4.x', clusterId: 'c', bootstrapServers: ['h:1'] } as never)
  return new Answered(brokers, new FaultReporter(spec), { retryMs: 0, signal: undefined })
}

/** Of an answer with these items: how each of `a`, `b` and `c` ended. */
const outcome = ({ ok, failed }: Answers<string, void>, names = ['a', 'b', 'c']) =>
  names.map((name) => (ok.has(name) ? 'ok' : failed.get(name)?.code))

const topics = ['a', 'b', 'c'] as TopicName[]
const acl = (resourceName: string): AclBinding => ({
  resourceType: 'TOPIC',
  resourceName,
  patternType: 'LITERAL',
  principal: 'User:u',
  host: '*',
  operation: 'READ',
  permission: 'ALLOW',
})
const keyed = (answers: Answers<string, void>): Answers<string, void> => {
  const named = <V>(map: ReadonlyMap<string, V>) =>
    new Map(topics.flatMap((t) => (map.has(aclKey(acl(t))) ? [[t, map.get(aclKey(acl(t)))!]] : [])))
  return { ok: named(answers.ok), failed: named(answers.failed) } as never
}

const named: Write = (to, items) => {
  to.int32(0).array(items, ([name, code]) => to.string(name).int16(code).nullableString(null))
}
const CALLS: readonly (readonly [string, Write, (s: Session) => Promise<Answers<string, void>>])[] =
  [
    [
      'CreateTopics',
      named,
      (s) =>
        new Topics(s).create(
          topics.map((name) => ({ name, partitions: 1, replicationFactor: 1, configs: new Map() })),
          {},
        ),
    ],
    [
      'CreatePartitions',
      named,
      (s) => new Topics(s).addPartitions(new Map(topics.map((t) => [t, 2]))),
    ],
    [
      'DeleteTopics',
      (to, items) => to.int32(0).array(items, ([name, code]) => to.string(name).int16(code)),
      (s) => new Topics(s).delete(topics),
    ],
    [
      'IncrementalAlterConfigs',
      (to, items) =>
        to
          .int32(0)
          .array(items, ([name, code]) => to.int16(code).nullableString(null).int8(2).string(name)),
      (s) => new Topics(s).alterConfigs(new Map(topics.map((t) => [t, new Map([['k', 'v']])]))),
    ],
    [
      'CreateAcls',
      (to, items) =>
        to
          .int32(0)
          .array(items, ([, code]) => to.int16(code).nullableString(null).tags())
          .tags(),
      async (s) => keyed(await new Acls(s).create(topics.map(acl))),
    ],
    [
      'DeleteAcls',
      (to, items) =>
        to
          .int32(0)
          .array(items, ([, code]) =>
            to
              .int16(code)
              .nullableString(null)
              .array([], () => undefined)
              .tags(),
          )
          .tags(),
      async (s) => keyed(await new Acls(s).delete(topics.map(acl))),
    ],
  ]

describe.each(CALLS)('%s', (api, write, call) => {
  const isOfTopics = !api.endsWith('Acls')
  const answer = (items: readonly (readonly [string, number])[]) =>
    call(
      session((flexible) => {
        const to = new Encoder(flexible)
        write(to, items)
        return to.finish()
      }),
    )

  test('takes all for done where each is', async () => {
    const items = topics.map((t) => [t, 0] as const)
    expect(outcome(await answer(items))).toEqual(['ok', 'ok', 'ok'])
  })

  test('reports an error in the middle as that of its item', async () => {
    const items = topics.map((t) => [t, t === 'b' ? REFUSED : 0] as const)
    expect(outcome(await answer(items))).toEqual(['ok', 'FERRY1209', 'ok'])
  })

  test('does not say that it was refused where it may have been done', async () => {
    const open = [
      UNKNOWN,
      ...(isOfTopics ? [ErrorCode.REQUEST_TIMED_OUT] : []),
      // After one that was left out of an answer it may be its own.
      ...(api === 'CreateTopics' ? [ErrorCode.TOPIC_ALREADY_EXISTS] : []),
    ]
    for (const code of open) {
      const items = topics.map((t) => [t, t === 'b' ? code : 0] as const)
      expect(outcome(await answer(items))).toEqual(['ok', 'FERRY1212', 'ok'])
    }
  })

  test('takes what is left out for an error', async () => {
    const items = topics.filter((t) => t !== 'b').map((t) => [t, 0] as const)
    const answers = await answer(items)
    expect(outcome(answers)[1]).toBe('FERRY1211')
    expect(answers.failed.get('b')?.detail).toMatch(/left this out/)
    expect(outcome(await answer([]))).toEqual(['FERRY1211', 'FERRY1211', 'FERRY1211'])
  })
})

test('ACLs are answered in order: in a shorter answer nothing says which is missing, so none is taken for done', async () => {
  const short = session((flexible) => {
    const to = new Encoder(flexible).int32(0)
    to.array([0, 0], (code) => to.int16(code).nullableString(null).tags()).tags()
    return to.finish()
  })
  expect(outcome(keyed(await new Acls(short).create(topics.map(acl))))).toEqual([
    'FERRY1211',
    'FERRY1211',
    'FERRY1211',
  ])
})

describe('one at a time', () => {
  const codeOf = async (work: Promise<void>): Promise<string | undefined> => {
    try {
      await work
      return undefined
    } catch (error) {
      if (error instanceof FerryError) return error.diagnostics[0]?.code
      throw error
    }
  }
  const user = { name: 'u', mechanism: 'scram-sha-512', password: new Secret('p') } as const
  test.each<[string, Write, (s: Session) => Promise<void>]>([
    [
      'AlterUserScramCredentials',
      (to, items) =>
        to
          .int32(0)
          .array(items, ([name, code]) => to.string(name).int16(code).nullableString(null).tags())
          .tags(),
      (s) => new Users(s).set(user),
    ],
    [
      'AlterClientQuotas',
      (to, items) =>
        to.int32(0).array(items, ([name, code]) =>
          to
            .int16(code)
            .nullableString(null)
            .array([name], (each) => to.string('user').nullableString(each)),
        ),
      (s) => new Users(s).setQuota('u', { producerByteRate: 1 }),
    ],
  ])('%s', async (_, write, call) => {
    const answer = (items: readonly (readonly [string, number])[]) =>
      codeOf(
        call(
          session((flexible) => {
            const to = new Encoder(flexible)
            write(to, items)
            return to.finish()
          }),
        ),
      )
    expect(await answer([['u', 0]])).toBeUndefined()
    expect(await answer([['u', REFUSED]])).toBe('FERRY1209')
    expect(await answer([['u', UNKNOWN]])).toBe('FERRY1212')
    expect(await answer([])).toBe('FERRY1211')
  })
})
