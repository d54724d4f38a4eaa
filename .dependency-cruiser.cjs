/** Imports point inwards: talkers (cli, app) -> workers (applier, planner, steps, mirror, verify) -> adapters' ports -> domain. */
const only = (name, comment, path, allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: `^src/${path}/` },
  to: {
    path: '^src/',
    pathNot: `^src/((${[path, ...allowed].join('|')})/|process-identity[.]ts$)`,
  },
})

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'kafkajs-in-one-place',
      comment: 'Another client must be able to replace it: only src/kafka knows kafkajs.',
      severity: 'error',
      from: { pathNot: '^src/kafka/' },
      to: { path: 'node_modules/kafkajs' },
    },
    {
      name: 'kafka-by-its-port',
      comment: 'Only src/app makes clusters; everybody else knows the port.',
      severity: 'error',
      from: {
        path: '^src/(domain|records|mirror|salvage|verify|planner|steps|applier|state|config|survey|doctor|views|cli)/',
      },
      to: {
        path: '^src/kafka/',
        pathNot: '^src/kafka/(cluster|error-codes|inquiry|api-name)[.]ts$',
      },
    },
    {
      name: 'domain-is-pure',
      comment: 'The domain knows nobody, and of Node only what computes.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: '^(src/domain/|crypto$|util$)', dependencyTypesNot: ['type-only'] },
    },
    only('records-are-pure', 'The record format stands alone.', 'records', ['domain']),
    only('kafka-is-an-adapter', 'It implements its port.', 'kafka', ['domain']),
    only(
      'state-is-an-adapter',
      'It implements its port, on files and on the port of a cluster.',
      'state',
      ['domain', 'records', 'kafka', 'verify'],
    ),
    only('config-is-an-adapter', 'It makes domain data of files.', 'config', ['domain']),
    only('mirror-knows-its-ports', 'It does not know who runs it.', 'mirror', [
      'domain',
      'records',
      'kafka',
    ]),
    only('salvage-knows-its-ports', 'It does not know who runs it.', 'salvage', [
      'domain',
      'records',
      'kafka',
      'verify',
    ]),
    only('verify-knows-its-ports', 'It does not know who runs it.', 'verify', [
      'domain',
      'records',
      'kafka',
    ]),
    only('planner-decides', 'It reads ports and asks the step kinds.', 'planner', [
      'domain',
      'records',
      'kafka',
      'steps',
      'survey',
    ]),
    only('steps-know-their-tools', '', 'steps', [
      'domain',
      'kafka',
      'mirror',
      'verify',
      'planner',
      'state',
    ]),
    only('applier-runs-steps', 'By their interface only.', 'applier', [
      'domain',
      'kafka',
      'mirror',
      'steps',
      'state',
      'planner',
    ]),
    only('survey-only-looks', 'What hangs together on a live cluster, by its port.', 'survey', [
      'domain',
      'kafka',
    ]),
    only('doctor-only-looks', 'It judges what others read, and changes nothing.', 'doctor', [
      'domain',
      'records',
      'kafka',
      'planner',
      'steps',
      'survey',
    ]),
    only('views-lay-out', 'No decisions there.', 'views', [
      'domain',
      'steps',
      'applier',
      'verify',
      'mirror',
      'app',
      'survey',
      'doctor',
    ]),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.cjs', '.json'] },
  },
}
