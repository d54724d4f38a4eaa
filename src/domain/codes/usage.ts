import { type CodePage, page } from './page.ts'

export const USAGE_CODES = {
  FERRY1101: page(
    64,
    'Wrong use',
    'The command line is not one that this verb understands: an argument is missing or there is one too many, or two flags exclude each other. Nothing was read or changed. `ferry VERB --help` shows what the verb takes.',
  ),
  FERRY1102: page(
    64,
    'Unknown verb',
    'Ferry has no verb of this name. Nothing was done. `ferry --help` lists all verbs; names that look alike are in the message.',
  ),
  FERRY1103: page(
    64,
    'Unknown flag',
    'The verb has no such flag. Ferry never ignores a flag that it does not know: a mistyped guard would otherwise be no guard. `ferry VERB --help` lists the flags.',
  ),
  FERRY1104: page(
    64,
    'Unknown migration',
    'A migration was named that the project does not have. Migrations are named by `metadata.name` in their plan file, not by the name of the file. Check also that `spec.migrations` in ferry.yaml matches the file, and --project or --chdir if the project is in another folder.',
  ),
  FERRY1105: page(
    64,
    'Wrong value',
    'A flag was given a value that it cannot take. Durations are written like 30s, 15m or 7d, counts are whole numbers, and stages are prepared, mirrored, consumers-moved, producers-moved and retired.',
  ),
  FERRY1106: page(
    64,
    'Approval needed',
    'The plan changes something, and there is no terminal on which to ask. Nothing was changed. In a pipeline, review the plan first (`ferry plan NAME -o FILE`) and apply that file: a plan file runs without being asked for. --auto-approve applies a plan that nobody has seen.',
  ),
  FERRY1107: page(
    1,
    'Not approved',
    'The question whether to apply the plan was answered with something else than `yes`. Nothing was changed. Run the command again and answer what it asks for; in a pipeline apply a reviewed plan file.',
  ),
  FERRY1108: page(
    64,
    'Unknown code',
    'No diagnostic of Ferry has this code. Codes look like FERRY1203 and are never reused; a code that is missing here comes from another version (`ferry version`).',
  ),
  FERRY1109: page(
    1,
    'Not a plan file',
    'The file was not written by `ferry plan -o`, or it was changed or cut off since. Ferry runs a plan as it was shown or not at all, so it refuses a file whose structure it does not know in every part. Make the plan again.',
  ),
  FERRY1110: page(
    5,
    'Plan of another version',
    'The plan file has a format that this version of Ferry does not read. A plan is short-lived by design: make it again with the version that will apply it.',
  ),
  FERRY1111: page(
    1,
    'Cannot write file',
    'A file that was to be written (a plan, a formatted or an imported file) could not be. Nothing on the clusters was changed. Give a path in a folder that exists and that you may write to.',
  ),
  FERRY1112: page(
    64,
    'Unknown kind of file',
    'Ferry has no schema of this name. It has one for each kind of file that users write, and one for plan files.',
  ),
} as const satisfies Record<string, CodePage>
