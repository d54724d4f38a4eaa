import type { CommandLine, CompletedFlag, Shell } from './command-line.ts'

/** A completion script, made of the command line itself. */
export const renderCompletion = (shell: Shell, line: CommandLine): string => {
  switch (shell) {
    case 'bash':
      return bash(line)
    case 'zsh':
      return zsh(line)
    case 'fish':
      return fish(line)
  }
}

const words = (flags: readonly CompletedFlag[]): string => flags.map(({ long }) => long).join(' ')

/** After a flag that takes a value comes that value: one of its choices, or a file. */
const valueCases = (line: CommandLine): readonly string[] => {
  const all = [...line.flags, ...line.verbs.flatMap((verb) => verb.flags)]
  const taking = new Map(all.filter(({ values }) => values).map((flag) => [flag.long, flag]))
  return [...taking.values()].map(({ long, values = [] }) =>
    values.length === 0
      ? `    ${long}) COMPREPLY=($(compgen -f -- "$word")); return ;;`
      : `    ${long}) COMPREPLY=($(compgen -W "${values.join(' ')}" -- "$word")); return ;;`,
  )
}

const bash = (line: CommandLine): string => `# ferry completions for bash
_ferry() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" verb="" each
  case "$before" in
${valueCases(line).join('\n')}
  esac
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " ${line.verbs.map(({ name }) => name).join(' ')} " in *" $each "*) verb="$each"; break ;; esac
  done
  local flags="${words(line.flags)}"
  case "$verb" in
    "") COMPREPLY=($(compgen -W "${line.verbs.map(({ name }) => name).join(' ')} $flags" -- "$word")); return ;;
${line.verbs.map(({ name, flags }) => `    ${name}) flags="$flags ${words(flags)}" ;;`).join('\n')}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _ferry ferry
`

const zsh = (line: CommandLine): string => `#compdef ferry
# ferry completions for zsh
_ferry() {
  local -a verbs
  verbs=(
${line.verbs.map(({ name, says }) => `    ${single(`${name}:${says}`)}`).join('\n')}
  )
  _arguments -C \\
${line.flags.map((flag) => `    ${zshFlag(flag)} \\`).join('\n')}
    '1:verb:->verb' '*::argument:->argument'
  case $state in
    verb) _describe verb verbs ;;
    argument)
      case $words[1] in
${line.verbs
  .map(
    ({ name, flags }) =>
      `        ${name}) _arguments ${[...flags.map(zshFlag), "'*:file:_files'"].join(' ')} ;;`,
  )
  .join('\n')}
      esac ;;
  esac
}
compdef _ferry ferry
`

const zshFlag = ({ long, says, values }: CompletedFlag): string => {
  const text = says.replaceAll('[', '(').replaceAll(']', ')').replaceAll(':', ' -')
  if (values === undefined) return single(`${long}[${text}]`)
  const taken = values.length === 0 ? ':value:_files' : `:value:(${values.join(' ')})`
  return single(`${long}=[${text}]${taken}`)
}

const fish = (line: CommandLine): string => {
  const flag = (condition: string, { long, says, values }: CompletedFlag): string =>
    [
      'complete -c ferry',
      ...(condition === '' ? [] : [`-n ${single(condition)}`]),
      `-l ${long.slice(2)}`,
      ...(values === undefined ? [] : ['-r']),
      ...(values === undefined || values.length === 0
        ? []
        : ['-f', `-a ${single(values.join(' '))}`]),
      `-d ${single(says)}`,
    ].join(' ')
  return `${[
    '# ferry completions for fish',
    ...line.verbs.map(
      ({ name, says }) =>
        `complete -c ferry -n '__fish_use_subcommand' -f -a ${name} -d ${single(says)}`,
    ),
    ...line.flags.map((each) => flag('', each)),
    ...line.verbs.flatMap(({ name, flags }) =>
      flags.map((each) => flag(`__fish_seen_subcommand_from ${name}`, each)),
    ),
  ].join('\n')}\n`
}

const single = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
