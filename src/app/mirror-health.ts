import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionReport } from '../mirror/mirror.ts'
import type { MirrorLook } from './keep-mirrored.ts'

/** More than these are counted, not listed: a probe's answer ends up in events and tickets. */
const MOST_LISTED = 20

/**
 * What is wrong with a mirror that runs, one sentence each; none: healthy. Remembers since when a lock is waited for: a moment without it
 * belongs to every change of members, so it counts only after `patienceMs`.
 */
export const mirrorHealth = (
  patienceMs: number,
): ((look: MirrorLook, now: Date) => readonly string[]) => {
  const waitingSince = new Map<string, number>()
  return ({ reports, mirrors, unread, stopped: whole }, now) => {
    const reasons = unread.map((problem) => `the state cannot be read: ${problem.detail}`)
    reasons.push(...whole.map(({ code, detail }) => `${code} ${detail}`))
    for (const { source, target, facts } of mirrors) {
      const pair = `${source}\n${target}`
      if (facts.lock !== 'waiting') {
        waitingSince.delete(pair)
        continue
      }
      const since = waitingSince.get(pair) ?? now.getTime()
      waitingSince.set(pair, since)
      const ms = now.getTime() - since
      if (ms < patienceMs) continue
      const why = facts.lockWaitsFor === undefined ? '' : `: ${facts.lockWaitsFor}`
      reasons.push(
        `no member of the mirror's group on ${target} for ${Math.round(ms / 1000)} s${why}`,
      )
    }
    const stopped = reports.filter(
      (report): report is PartitionReport & { readonly problem: Diagnostic } =>
        report.state === 'stopped' && report.problem !== undefined,
    )
    for (const { migration, key, way, problem } of stopped.slice(0, MOST_LISTED)) {
      const where = way === 'reverse' ? `${key} on its way back` : key
      reasons.push(`${migration}: ${where} stopped: ${problem.code} ${problem.summary}`)
    }
    const more = stopped.length - MOST_LISTED
    if (more > 0) reasons.push(`${more} more partitions stopped`)
    return reasons
  }
}
