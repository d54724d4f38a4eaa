import { KAFKA_VERSIONS, type KafkaVersion } from '../kafka/versions.ts'
import { describeCases } from './_cases.ts'

/** Every kind of data from every version; `FERRY_TEST_VERSIONS=0.11,2.8` for some. */
const asked = process.env.FERRY_TEST_VERSIONS?.split(',') ?? KAFKA_VERSIONS
for (const version of asked) describeCases(version as KafkaVersion)
