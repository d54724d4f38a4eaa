import type { StepDescription } from '../steps/step-kind.ts'
import type { Style } from './style.ts'

/** The colour of a plan's symbol; its meaning is in the symbol itself, for those who see no colour. */
export const colourOf = (
  symbol: StepDescription['symbol'],
  style: Style,
): ((text: string) => string) => {
  switch (symbol) {
    case '+':
      return style.good
    case '~':
    case '!':
      return style.warning
    case '-':
      return style.error
    default:
      return style.accent
  }
}
