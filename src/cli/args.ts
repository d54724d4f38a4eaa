import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseDuration } from '../config/durations.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { STAGES, type Stage } from '../domain/stage.ts'
import type { RawFlags } from './verb.ts'

/** From what commander read to typed values. Commander checks that flags exist; what their values mean is checked here. */

export const isSet = (flags: RawFlags, name: string): boolean => flags[name] === true

/** An empty one is mostly a variable that is not set, and as a path it would be the folder itself. */
export const textFlag = (flags: RawFlags, name: string): string | undefined => {
  const value = flags[name]
  if (value === '') throw emptyFlag(name)
  return typeof value === 'string' ? value : undefined
}

const emptyFlag = (name: string): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1105',
      detail: `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is empty.`,
      fix: 'Give a value, or leave the flag out; where a variable gives it, see that it is set.',
    }),
  )

/** Where -o writes what no person edits. A YAML file that is there is one of a project, or of somebody else: a slip would cost it. */
export const outputFlag = (flags: RawFlags, cwd: string): string | undefined => {
  const file = textFlag(flags, 'output')
  if (file === undefined || !/\.ya?ml$/i.test(file) || !existsSync(resolve(cwd, file))) return file
  throw new FerryError(
    diagnostic({
      code: 'FERRY1105',
      detail: `--output cannot be ${JSON.stringify(file)}: it is a YAML file that exists, and would be lost.`,
      fix: 'Give another file, for example one that ends in .plan or .json.',
    }),
  )
}

/** For commander: a flag that can be given several times. */
export const collected = (value: string, before: readonly string[]): readonly string[] => [
  ...before,
  value,
]

/** The values of a {@link collected} flag. */
export const listFlag = (flags: RawFlags, name: string): readonly string[] => {
  const value = flags[name]
  if (!Array.isArray(value)) return []
  if (value.includes('')) throw emptyFlag(name)
  return value.filter((each) => typeof each === 'string')
}

/** Positional arguments: one optional name, or a list of them. */
export const names = (args: readonly unknown[]): readonly string[] =>
  args.flat().filter((each): each is string => typeof each === 'string')

export const stageFlag = (flags: RawFlags, name: string): Stage | undefined => {
  const text = textFlag(flags, name)
  if (text === undefined) return undefined
  const stage = STAGES.find((each) => each === text)
  if (stage === undefined) {
    throw wrongValue(`--${name}`, text, `Give one of the stages: ${STAGES.join(', ')}.`)
  }
  return stage
}

export const durationFlag = (flags: RawFlags, name: string): number | undefined => {
  const text = textFlag(flags, name)
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  if (ms === undefined) throw wrongValue(`--${name}`, text, 'Give a duration like 30s, 15m or 2h.')
  return ms
}

export const countFlag = (flags: RawFlags, name: string): number | undefined => {
  const text = textFlag(flags, name)
  if (text === undefined) return undefined
  if (!/^[1-9][0-9]{0,8}$/.test(text)) {
    throw wrongValue(`--${name}`, text, 'Give a whole number from 1 on.')
  }
  return Number(text)
}

export const MAX_DESTROY = [
  '--max-destroy <n>',
  'how many things that Ferry did not make may be deleted, instead of policy.maxDestroy',
] as const

export const maxDestroyFlag = (flags: RawFlags): number | undefined => {
  const text = textFlag(flags, 'maxDestroy')
  if (text === undefined) return undefined
  if (!/^(0|[1-9][0-9]{0,8})$/.test(text)) {
    throw wrongValue('--max-destroy', text, 'Give a whole number.')
  }
  return Number(text)
}

/** 0 stands for any free port. */
export const portFlag = (flags: RawFlags, name: string): number | undefined => {
  const text = textFlag(flags, name)
  if (text === undefined) return undefined
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > 65_535) {
    throw wrongValue(`--${name}`, text, 'Give a port from 1 to 65535, or 0 for any free one.')
  }
  return Number(text)
}

export const wrongValue = (flag: string, value: string, fix: string): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1105',
      detail: `${flag} cannot be ${JSON.stringify(value)}.`,
      fix,
    }),
  )

/** For arguments and flags that exclude each other. */
export const wrongUse = (detail: string, fix: string): FerryError =>
  new FerryError(diagnostic({ code: 'FERRY1101', detail, fix }))
