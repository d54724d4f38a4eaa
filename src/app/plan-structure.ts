import { readFile } from 'node:fs/promises'
import type { ValidateFunction } from 'ajv'
import { QUICK_COMPILE } from '../config/schema.ts'

/** More would not help anybody: the file is foreign or broken. */
const NAMED_AT_MOST = 3

/** What is wrong with a plan file's structure, in words; empty if nothing is. The schema is the public one, so that others can check too. */
export const planStructureProblems = async (value: unknown): Promise<readonly string[]> => {
  const validate = await compiled()
  if (validate(value)) return []
  const problems = (validate.errors ?? []).map(
    (error) => `${error.instancePath === '' ? 'the plan' : error.instancePath} ${error.message}`,
  )
  return [...new Set(problems)].slice(0, NAMED_AT_MOST)
}

let known: Promise<ValidateFunction> | undefined

/** Schemas never change while we run. Only for plan files, and slow to load. */
const compiled = (): Promise<ValidateFunction> => {
  known ??= (async () => {
    const { Ajv } = await import('ajv')
    return new Ajv({
      allErrors: true,
      strict: true,
      strictRequired: false,
      allowUnionTypes: true,
      discriminator: true,
      ...QUICK_COMPILE,
    }).compile(JSON.parse(await readSchema('plan')) as object)
  })()
  return known
}

/** The text of `schemas/<kind>.schema.json`, as it is published. */
export const readSchema = (kind: string): Promise<string> =>
  readFile(new URL(`../../schemas/${kind}.schema.json`, import.meta.url), 'utf8')
