import { describeCases } from './_cases.ts'

describeCases('4.x')
