import { DOMParser, onErrorStopParsing } from '@xmldom/xmldom'
import { expect } from 'vitest'
import type { VerifyReport } from '../../src/verify/index.ts'
import type { Project } from './_world.ts'

/** The JUnit file of a verification holds what its JSON says: a case for each partition and each group, and which of them failed. */
export const expectJunit = async (
  project: Project,
  args: readonly string[],
  exit: number,
): Promise<void> => {
  const ended = await project.ferry(['--quiet', ...args, '--json', '--junit', 'verify.xml'])
  expect(ended.code, ended.stderr).toBe(exit)
  const report = JSON.parse(ended.stdout) as VerifyReport
  const expected = [
    ...report.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partition, ok }) => [name, `partition ${partition}`, ok]),
    ),
    ...report.groups.map(({ id, partitions }) => ['groups', id, partitions.every(({ ok }) => ok)]),
  ]
  const document = new DOMParser({ onError: onErrorStopParsing }).parseFromString(
    project.read('verify.xml'),
    'text/xml',
  )
  const named = (tag: string) => [...document.getElementsByTagName(tag)]
  const cases = named('testcase').map((each) => [
    each.getAttribute('classname'),
    each.getAttribute('name'),
    each.getElementsByTagName('failure').length === 0,
  ])
  expect(cases).toEqual(expected)
  expect(report.ok).toBe(expected.every(([, , ok]) => ok))
  const [all] = named('testsuites')
  const count = (key: string) => Number(all?.getAttribute(key))
  expect([count('tests'), count('failures')]).toEqual([
    expected.length,
    expected.filter(([, , ok]) => !ok).length,
  ])
}
