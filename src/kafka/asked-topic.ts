import { ErrorCode } from './error-codes.ts'
import type { Asked, Fault, FaultReporter } from './faults.ts'
import type { CodeAndMessage } from './wire/api.ts'

/** How many rounds a topic that is unknown is asked for again: a broker may not have heard of a new one yet. About 2.5 s. */
const ROUNDS_FOR_NEW_TOPICS = 6

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
    ...(isUnknown && { retriable: round < ROUNDS_FOR_NEW_TOPICS }),
  })
}
