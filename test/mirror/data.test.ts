import { describeCases } from './_cases.ts'

/** The newest source, and the last that keeps old formats; `npm run test:matrix` has all of them. */
describeCases('4.x')
describeCases('2.8')
