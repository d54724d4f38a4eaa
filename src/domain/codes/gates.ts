import { type CodePage, page } from './page.ts'

export const GATE_CODES = {
  FERRY1501: page(
    7,
    'Stopped at a gate',
    'A fact that must hold before the next step did not come true in time. Nothing is wrong and nothing is lost: see to what the message names (often a team has to stop or start its service) and apply again; it continues with the step that waits. --wait or gates.timeout say how long apply waits.',
  ),
  FERRY1502: page(
    7,
    'Gate needs somebody to act',
    'A fact that must hold before the next step does not hold, and waiting alone will not change that. Do what the message names and apply again; it continues with the step that waits.',
  ),
  FERRY1503: page(
    8,
    'Gate broke during a step',
    'A fact that held when the step began, and that must hold until it has ended, no longer holds: somebody interfered while the step ran. What the step did may rest on something that is no longer true, so it does not count as done. See to what the message names and apply again; the step looks at what is there and does what is missing.',
  ),
  FERRY1504: page(
    8,
    'A partition has stopped',
    'The next step, or the next stage, rests on a copy that is whole, and mirroring of a partition has stopped: its records cannot be had, or are not what they were. Waiting does not help, and the step was not begun, or the stage not reached; what was done before stands, and other partitions go on. The message has the reason and the range; `ferry status` shows all that stopped, and the code that it names tells the way on (often `ferry resync`). Then apply again: it goes on from there.',
  ),
} as const satisfies Record<string, CodePage>
