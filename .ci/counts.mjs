/**
 * Counts what vitest's JSON reports say, and prints the closing line of CI.
 *
 *     node .ci/counts.mjs failed REPORT             the files in which something failed, one a line; nothing where they are more than two
 *     node .ci/counts.mjs close REPORT [SECOND]     `N passed, N failed`; exits with 1 if anything failed
 *
 * SECOND is of the files that failed, run once more by themselves: it stands for them, and what passed only then is named. A file whose
 * tests could not begin counts as one failed test, and so does each skipped one.
 */
import { readFileSync } from 'node:fs'

const AT_MOST = 2

const print = (text) => process.stdout.write(`${text}\n`)
const warn = (text) => process.stderr.write(`${text}\n`)

const resultsIn = (path) => JSON.parse(readFileSync(path, 'utf8')).testResults
const isFailed = (file) => file.status === 'failed'
const failuresOf = (file) =>
  isFailed(file) && file.assertionResults.every(({ status }) => status === 'passed')
    ? 1
    : file.assertionResults.filter(({ status }) => status !== 'passed').length
const passesOf = (file) => file.assertionResults.filter(({ status }) => status === 'passed').length
const sum = (files, count) => files.reduce((total, file) => total + count(file), 0)

const [what, report, second] = process.argv.slice(2)
const first = resultsIn(report)
if (what === 'failed') {
  const failed = first.filter(isFailed)
  if (failed.length <= AT_MOST) for (const { name } of failed) print(name)
} else {
  const again = new Map((second ? resultsIn(second) : []).map((file) => [file.name, file]))
  const last = first.map((file) => again.get(file.name) ?? file)
  for (const file of first.filter(({ name }) => again.has(name))) {
    if (failuresOf(again.get(file.name)) > 0) continue
    const failed = file.assertionResults.filter(({ status }) => status !== 'passed')
    const titles = failed.length > 0 ? failed.map(({ fullName }) => fullName) : ['the whole file']
    for (const title of titles) {
      warn(
        `UNSTABLE: ${file.name} > ${title}: failed beside other files, passed by itself. Mend it before anything else.`,
      )
    }
  }
  const [passed, failed] = [sum(last, passesOf), sum(last, failuresOf)]
  print(`${passed} passed, ${failed} failed`)
  if (failed > 0 || passed === 0) process.exitCode = 1
}
