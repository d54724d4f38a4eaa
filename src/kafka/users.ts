import { pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { Answers } from '../domain/answers.ts'
import type { QuotaSpec, ScramMechanism } from '../domain/migration.ts'
import type { Secret } from '../domain/secret.ts'
import { ErrorCode } from './error-codes.ts'
import type { Asked } from './faults.ts'
import type { Session } from './session.ts'
import type { Outcomes } from './settle.ts'
import { alterClientQuotas, describeClientQuotas } from './wire/client-quotas.ts'
import {
  type AlterScramRequest,
  alterUserScramCredentials,
  describeUserScramCredentials,
} from './wire/scram-credentials.ts'

/** Kafka's own tools use 4096; RFC 7677 asks for at least that, and a login is rare. */
const ITERATIONS = 8192
const DIGESTS: Readonly<Record<ScramMechanism, { readonly name: string; readonly size: number }>> =
  {
    'scram-sha-256': { name: 'sha256', size: 32 },
    'scram-sha-512': { name: 'sha512', size: 64 },
  }
const PRODUCER_RATE = 'producer_byte_rate'
const CONSUMER_RATE = 'consumer_byte_rate'

const askedCluster = (what: string, operation: Asked['right']['operation']): Asked => ({
  what,
  right: { operation, resourceType: 'CLUSTER', resourceName: 'kafka-cluster' },
})

/** SCRAM users and their quotas: that part of the cluster port. */
export class Users {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  describe(names: readonly string[]): Promise<Answers<string, ReadonlySet<ScramMechanism>>> {
    const asked = (name: string) => askedCluster(`describe user ${name}`, 'DESCRIBE')
    return this.#session.settle(names, asked, async (pending) => {
      const outcomes: Outcomes<string, ReadonlySet<ScramMechanism>> = new Map()
      const controller = await this.#session.controller(asked(pending[0]!))
      const answer = await this.#session.call(controller, describeUserScramCredentials, pending)
      if (answer.code !== 0) {
        for (const name of pending) {
          outcomes.set(name, this.#session.faults.ofCode(answer.code, asked(name), answer))
        }
        return outcomes
      }
      for (const user of answer.users) {
        const isKnown = user.code === 0 || user.code === ErrorCode.RESOURCE_NOT_FOUND
        const fault = () => this.#session.faults.ofCode(user.code, asked(user.name), user)
        outcomes.set(user.name, isKnown ? { value: new Set(user.mechanisms) } : fault())
      }
      return outcomes
    })
  }

  /** The salted password is computed here (RFC 5802); a new salt each time. Replaces the credentials of this mechanism. */
  async set(user: {
    readonly name: string
    readonly mechanism: ScramMechanism
    readonly password: Secret
  }): Promise<void> {
    const { name, mechanism } = user
    const salt = randomBytes(32)
    const digest = DIGESTS[mechanism]
    const password = user.password.reveal()
    const saltedPassword = await promisify(pbkdf2)(
      password,
      salt,
      ITERATIONS,
      digest.size,
      digest.name,
    )
    await this.#alter(name, `set the ${mechanism} password of user ${name}`, {
      deletions: [],
      upsertions: [{ name, mechanism, iterations: ITERATIONS, salt, saltedPassword }],
    })
  }

  async delete(name: string, mechanism: ScramMechanism): Promise<void> {
    await this.#alter(name, `delete the ${mechanism} password of user ${name}`, {
      deletions: [{ name, mechanism }],
      upsertions: [],
    })
  }

  async #alter(name: string, what: string, request: AlterScramRequest): Promise<void> {
    const asked = askedCluster(what, 'ALTER')
    await this.#session.ask(asked, async () => {
      const controller = await this.#session.controller(asked)
      const results = await this.#session.call(controller, alterUserScramCredentials, request)
      const result = results.get(name)
      if (result === undefined) throw this.#session.faults.leftOut(asked)
      // Gone already: what was wanted.
      const isGone = result.code === ErrorCode.RESOURCE_NOT_FOUND && request.deletions.length > 0
      if (result.code !== 0 && !isGone) throw this.#session.faults.ofChange(result, asked)
    })
    const wanted = request.upsertions[0]?.mechanism
    const unwanted = request.deletions[0]?.mechanism
    await this.#session.untilSeen(async (broker) => {
      const { code, users } = await this.#session.call(broker, describeUserScramCredentials, [name])
      if (code !== 0) return true
      const mechanisms = new Set(users.find((user) => user.name === name)?.mechanisms)
      return wanted === undefined ? !mechanisms.has(unwanted!) : mechanisms.has(wanted)
    })
  }

  async quotas(
    users: readonly string[],
  ): Promise<ReadonlyMap<string, Pick<QuotaSpec, 'producerByteRate' | 'consumerByteRate'>>> {
    if (users.length === 0) return new Map()
    const asked = askedCluster('read the quotas of users', 'DESCRIBE_CONFIGS')
    const answer = await this.#session.ask(asked, async () => {
      const broker = await this.#session.brokers.any()
      const only = users.length === 1 ? users[0]! : null
      const quotas = await this.#session.call(broker, describeClientQuotas, only)
      this.#session.throwIfCode(quotas, asked)
      return quotas
    })
    const found = new Map(answer.quotas.map((quota) => [quota.entity.get('user'), quota.values]))
    return new Map(
      users.map((user) => [
        user,
        {
          producerByteRate: found.get(user)?.get(PRODUCER_RATE),
          consumerByteRate: found.get(user)?.get(CONSUMER_RATE),
        },
      ]),
    )
  }

  async setQuota(
    user: string,
    quota: {
      readonly producerByteRate?: number | null
      readonly consumerByteRate?: number | null
    },
  ): Promise<void> {
    const changes = new Map<string, number | null>()
    if (quota.producerByteRate !== undefined) changes.set(PRODUCER_RATE, quota.producerByteRate)
    if (quota.consumerByteRate !== undefined) changes.set(CONSUMER_RATE, quota.consumerByteRate)
    if (changes.size === 0) return
    const asked = askedCluster(`set the quota of user ${user}`, 'ALTER_CONFIGS')
    await this.#session.ask(asked, async () => {
      const controller = await this.#session.controller(asked)
      const request = { user, changes }
      const [result] = await this.#session.call(controller, alterClientQuotas, request)
      if (result === undefined) throw this.#session.faults.leftOut(asked)
      if (result.code !== 0) throw this.#session.faults.ofChange(result, asked)
    })
    await this.#session.untilSeen(async (broker) => {
      const { code, quotas } = await this.#session.call(broker, describeClientQuotas, user)
      if (code !== 0) return true
      const values = quotas.find((entry) => entry.entity.get('user') === user)?.values
      return [...changes].every(([key, value]) => (values?.get(key) ?? null) === value)
    })
  }
}
