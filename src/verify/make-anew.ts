import type { Mark } from '../domain/mark.ts'

/** The way on where a copy is not what it must be, as part of a sentence: of the topic of this mark, whether a partition of it is stopped or not. */
export const makeAnew = (migration: string, { topic, way }: Pick<Mark, 'topic' | 'way'>): string =>
  way === 'reverse'
    ? `start nobody where it was mirrored back to: what stands there of ${topic} is not what it must be`
    : `make the copy anew with \`ferry resync ${migration} --topic ${topic}\` (once a group has moved, or the topic is sealed, \`ferry rollback ${migration} --to mirrored\` comes first)`
