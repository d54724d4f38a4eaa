/** Of a lock: a process on another machine. */
export const HOLDER = {
  user: 'ana',
  host: 'elsewhere',
  pid: 4711,
  operation: 'apply',
  since: '2026-11-22T10:00:00.000Z',
}
