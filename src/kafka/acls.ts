import { type AclBinding, aclKey } from '../domain/access.ts'
import type { Answers } from '../domain/answers.ts'
import { ErrorCode } from './error-codes.ts'
import type { Asked } from './faults.ts'
import type { Session } from './session.ts'
import type { Outcomes } from './settle.ts'
import type { Api, CodeAndMessage } from './wire/api.ts'
import { createAcls } from './wire/create-acls.ts'
import { deleteAcls } from './wire/delete-acls.ts'
import { describeAcls } from './wire/describe-acls.ts'

const askedCluster = (what: string, operation: Asked['right']['operation']): Asked => ({
  what,
  right: { operation, resourceType: 'CLUSTER', resourceName: 'kafka-cluster' },
})

/** ACLs: that part of the cluster port. */
export class Acls {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async describe(): Promise<readonly AclBinding[] | 'no-authorizer'> {
    if (this.#session.brokers.supports(describeAcls) === undefined) return 'no-authorizer'
    const asked = askedCluster('read the ACLs', 'DESCRIBE')
    const answer = await this.#session.ask(asked, async () => {
      const broker = await this.#session.brokers.any()
      const acls = await this.#session.call(broker, describeAcls, undefined)
      if (acls.code !== ErrorCode.SECURITY_DISABLED) this.#session.throwIfCode(acls, asked)
      return acls
    })
    if (answer.code === ErrorCode.SECURITY_DISABLED) return 'no-authorizer'
    return answer.acls
      .map((acl) => [aclKey(acl), acl] as const)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, acl]) => acl)
  }

  create(acls: readonly AclBinding[]): Promise<Answers<string, void>> {
    return this.#change(acls, 'create', createAcls, true)
  }

  delete(acls: readonly AclBinding[]): Promise<Answers<string, void>> {
    return this.#change(acls, 'delete', deleteAcls, false)
  }

  /** Both are the same when done twice, so they are sent again after a lost answer. */
  async #change(
    acls: readonly AclBinding[],
    verb: string,
    api: Api<readonly AclBinding[], readonly CodeAndMessage[]>,
    isWanted: boolean,
  ): Promise<Answers<string, void>> {
    const byKey = new Map(acls.map((acl) => [aclKey(acl), acl]))
    const asked = (key: string) => askedCluster(`${verb} the ACL ${key}`, 'ALTER')
    const answers = await this.#session.settle(byKey.keys(), asked, async (pending) => {
      const controller = await this.#session.controller(asked(pending[0]!))
      const wanted = pending.map((key) => byKey.get(key)!)
      const results = await this.#session.call(controller, api, wanted)
      const outcomes: Outcomes<string, void> = new Map()
      // They have no names: in a shorter answer nothing says which is missing.
      if (results.length !== pending.length) return outcomes
      for (const [i, key] of pending.entries()) {
        const result = results[i]!
        const fault = () => this.#session.faults.ofChange(result, asked(key))
        outcomes.set(key, result.code === 0 ? { value: undefined } : fault())
      }
      return outcomes
    })
    if (answers.ok.size > 0) {
      await this.#session.untilSeen(async (broker) => {
        const described = await this.#session.call(broker, describeAcls, undefined)
        if (described.code !== 0) return true
        const keys = new Set(described.acls.map(aclKey))
        return [...answers.ok.keys()].every((key) => keys.has(key) === isWanted)
      })
    }
    return answers
  }
}
