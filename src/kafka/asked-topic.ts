import { ErrorCode } from './error-codes.ts'
import type { Asked, Fault, FaultReporter } from './faults.ts'
import type { CodeAndMessage } from './wire/api.ts'

/** How many rounds what a broker may not have heard of yet is asked for again. About 2.5 s. */
const ROUNDS_FOR_NEWS = 6

export const askedTopic = (
  verb: string,
  operation: Asked['right']['operation'],
  topic: string,
): Asked => ({
  what: `${verb} topic ${topic}`,
  right: { operation, resourceType: 'TOPIC', resourceName: topic },
})

/** An unknown topic may be a new one, for a short while. */
export const unlessNew = (
  faults: FaultReporter,
  answer: CodeAndMessage,
  asked: Asked,
  round: number,
): Fault => {
  const isUnknown = answer.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  return faults.ofCode(answer.code, asked, {
    message: answer.message,
    ...(isUnknown && { retriable: round < ROUNDS_FOR_NEWS }),
  })
}

/**
 * A topic whose policy forbids to delete records may have got another one just now: a KRaft broker shows a config as soon as it has read of
 * it, and applies it to its logs behind that (BrokerMetadataPublisher of 4.x: the metadata cache, the replicas, then the configs).
 */
export const unlessPolicyIsNew = (
  faults: FaultReporter,
  code: number,
  asked: Asked,
  round: number,
): Fault =>
  faults.ofCode(
    code,
    asked,
    code === ErrorCode.POLICY_VIOLATION ? { retriable: round < ROUNDS_FOR_NEWS } : {},
  )
