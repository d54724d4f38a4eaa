import { hostname, userInfo } from 'node:os'
import { expect, test } from 'vitest'
import { mask } from './_mask.ts'

const texts = {
  Xk3pT0vQSf6mUe1yZ8aBcg: '<old-id>',
  '127.0.0.1:9092': '<old>',
  '/tmp/x': '<folder>',
}

test.each([
  ['a cluster id', '"id": "Xk3pT0vQSf6mUe1yZ8aBcg"', '"id": "<old-id>"'],
  ['an address', 'at 127.0.0.1:9092.', 'at <old>.'],
  ['a folder', '/tmp/x/plans/a.yaml:3:7', '<folder>/plans/a.yaml:3:7'],
  ['a time', '"at": "2026-11-25T18:00:01.123Z"', '"at": "<time>"'],
  ['a moment', 'until Tue 18:20 UTC: x', 'until <moment>: x'],
  ['a far moment', 'Wed 2026-12-02 19:04 UTC, in 7 days', '<moment>, in 7 days'],
  ['a second', 'seen Wed 2026-12-02 19:04:05 UTC', 'seen <moment>'],
  ['a digest', `plan \`${'0a'.repeat(32)}\``, 'plan `<sha256>`'],
  ['a fingerprint', '"cluster ids": "74112ac117473512"', '"cluster ids": "<fingerprint>"'],
  ['how long ago', 'synced 3 s ago', 'synced <ago>'],
  [
    'where a line breaks behind it',
    'copied 1 min ago; it\n          goes on',
    'copied <ago>; it goes on',
  ],
  ['a process', `process 123 on ${hostname()}`, 'process <pid> on <host>'],
  ['the holder of a lock', '(pid 77, apply', '(pid <pid>, apply'],
  ['a process in JSON', '{ "pid": 77 }', '{ "pid": "<pid>" }'],
  ['a user', `${userInfo().username}@`, '<user>@'],
])('masks %s', (_, from, to) => {
  expect(mask(from, { texts })).toBe(to)
})

test.each([
  'orders.events:0  50 -> 50  200  200  0  at the end',
  '3 partitions, 1,200 records, 7 days, 30 s, exit 7, FERRY1501',
  'a digest that is cut: 0a0a0a0a',
  'a date without a time: 2026-11-25',
  `a longer word: ${userInfo().username}s-x`,
])('leaves everything else as it is: %s', (text) => {
  expect(mask(text, { texts })).toBe(text)
})
