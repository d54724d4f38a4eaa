import picocolors from 'picocolors'

/** Colours for a terminal that wants them; picocolors by itself takes `CI` for one. */
export const pc = picocolors.createColors(process.stdout.isTTY === true && !process.env.NO_COLOR)
