import { Ajv, type Options } from 'ajv'

const OPTIONS: Options = { allErrors: true, verbose: true, allowUnionTypes: true }

/** With the options that the messages about files are made for. */
export const schemaCompiler = (more: Options = {}): Ajv => new Ajv({ ...OPTIONS, ...more })
