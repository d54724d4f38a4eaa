import picocolors from 'picocolors'

/** Colours by meaning. Without colour every function returns its text, so views never ask whether there is any. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  error(text: string): string
  warning(text: string): string
  good(text: string): string
  accent(text: string): string
}

export const styleFor = (colour: boolean): Style => {
  const c = picocolors.createColors(colour)
  return {
    bold: c.bold,
    dim: c.dim,
    error: c.red,
    warning: c.yellow,
    good: c.green,
    accent: c.cyan,
  }
}

export const PLAIN: Style = styleFor(false)
