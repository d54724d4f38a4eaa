import { deepStrictEqual, ok } from 'node:assert'
import { DOMParser, onErrorStopParsing } from '@xmldom/xmldom'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import type { VerifiedPartition, VerifyReport } from '../../src/verify/index.ts'
import { renderJunit } from '../../src/views/junit.ts'

const partition = (n: number, change: Partial<VerifiedPartition> = {}): VerifiedPartition => ({
  partition: n,
  sourceStart: 0,
  sourceEnd: 1600,
  targetStart: 0,
  targetEnd: 1600,
  mirrored: 1600,
  compared: 1600,
  gone: 0,
  ok: true,
  acceptedGaps: [],
  problems: [],
  ...change,
})

const report = (topic: string, group: string, text: string): VerifyReport => {
  const problem = diagnostic({ code: 'FERRY1801', detail: text, fix: text })
  return {
    formatVersion: '1.0',
    ok: false,
    topics: [
      {
        name: topic,
        mode: 'identical',
        partitions: [partition(0), partition(1, { ok: false, problems: [problem] })],
      },
    ],
    groups: [
      {
        id: group,
        partitions: [
          {
            topic,
            partition: 0,
            source: 5,
            target: 5,
            expected: 5,
            ok: true,
            proof: 'record',
          },
          { topic, partition: 1, source: null, target: null, expected: null, ok: true },
        ],
      },
    ],
  }
}

describe('renderJunit', () => {
  it('has a case for each partition and for each group', () => {
    deepStrictEqual(`\n${renderJunit(report('orders', 'api', 'It <differs> & "more".'))}`, GOLDEN)
  })

  it('is well-formed whatever the names and messages are, and says them', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 })
    fc.assert(
      fc.property(text, text, text, (topic, group, detail) => {
        const page = renderJunit(report(topic, `${group}`, `${detail}]]>`))
        const parsed = new DOMParser({ onError: onErrorStopParsing }).parseFromString(
          page,
          'text/xml',
        )
        deepStrictEqual(parsed.getElementsByTagName('testcase').length, 3)
        deepStrictEqual(parsed.getElementsByTagName('failure').length, 1)
        const said = parsed.getElementsByTagName('failure')[0]?.textContent ?? ''
        ok(said.endsWith(']]>'), said)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what XML 1.0 cannot hold
        if (!/[\u0000-\u001f\ufffe\uffff\ud800-\udfff]/.test(topic)) {
          deepStrictEqual(parsed.getElementsByTagName('testsuite')[0]?.getAttribute('name'), topic)
        }
      }),
      { numRuns: 100 },
    )
  })
})

const GOLDEN = `
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="ferry verify" tests="3" failures="1" errors="0">
  <testsuite name="orders" tests="2" failures="1" errors="0" skipped="0">
    <testcase classname="orders" name="partition 0">
      <system-out>1,600 of 1,600 mirrored records compared; source 0..1600, target 0..1600</system-out>
    </testcase>
    <testcase classname="orders" name="partition 1">
      <failure type="FERRY1801" message="Records differ">FERRY1801 Records differ: It &#60;differs&#62; &#38; &#34;more&#34;.&#10;fix: It &#60;differs&#62; &#38; &#34;more&#34;.</failure>
      <system-out>1,600 of 1,600 mirrored records compared; source 0..1600, target 0..1600</system-out>
    </testcase>
  </testsuite>
  <testsuite name="groups" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="groups" name="api">
      <system-out>orders:0 source 5, target 5, expected 5, proved by record&#10;orders:1 source -, target -, expected -</system-out>
    </testcase>
  </testsuite>
</testsuites>
`
