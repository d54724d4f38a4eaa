import { expect, test } from 'vitest'
import type { DoctorReport } from '../../src/doctor/report.ts'
import type { SideRights } from '../../src/doctor/rights.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import { renderAclCommands } from '../../src/views/acl-commands.ts'
import { renderDoctor, renderDoctorJson } from '../../src/views/doctor.ts'
import { PLAIN } from '../../src/views/style.ts'

const source: SideRights = {
  cluster: 'old',
  bootstrapServers: ['old:9092'],
  principal: 'User:ANONYMOUS',
  checksAcls: false,
  rights: [],
}
const right = (
  operation: 'READ' | 'DESCRIBE_CONFIGS',
  resourceName: string,
  has: 'yes' | 'no' | 'unknown',
) =>
  ({
    operation,
    resourceType: 'TOPIC',
    resourceName,
    patternType: 'LITERAL',
    verbs: ['apply'],
    has,
  }) as const

const target: SideRights = {
  cluster: 'new',
  bootstrapServers: ['new-1:9093', 'new-2:9093'],
  principal: undefined,
  checksAcls: true,
  rights: [
    right('READ', 'orders', 'no'),
    right('DESCRIBE_CONFIGS', 'orders', 'no'),
    right('READ', 'stock', 'unknown'),
    right('READ', 'fine', 'yes'),
  ],
}

const report: DoctorReport = {
  clusters: [
    {
      cluster: 'new',
      checks: [
        {
          id: 'bootstrap-servers',
          title: 'Every bootstrap server answers',
          status: 'ok',
          says: '2 of 2: new-1:9093, new-2:9093',
          problems: [],
        },
        {
          id: 'clock',
          title: 'Its clock and that of this machine agree',
          status: 'skipped',
          says: 'the cluster could not be connected to',
          problems: [],
        },
      ],
    },
  ],
  migrations: [
    {
      migration: 'orders',
      from: 'old',
      to: 'new',
      rights: { migration: 'orders', source, target },
      checks: [
        {
          id: 'disk',
          title: 'The target has room',
          status: 'failed',
          says: '10 GiB needed, 1 GiB free',
          problems: [
            diagnostic({ code: 'FERRY2006', detail: 'Too much is needed.', fix: 'Add disk.' }),
          ],
        },
        {
          id: 'clients',
          title: 'The target takes the clients of the groups',
          status: 'warning',
          says: '',
          problems: [
            diagnostic({
              code: 'FERRY2003',
              severity: 'warning',
              detail: 'Nobody tells the versions of orders-api.',
              fix: 'Ask the owner: which client library, in which version, and does that hold for all of its instances?',
            }),
          ],
        },
      ],
    },
  ],
}

test('a part for each cluster and migration, problems below their check, questions as such', () => {
  expect(renderDoctor(report, PLAIN, 80)).toBe(`new
  ok       Every bootstrap server answers: 2 of 2: new-1:9093, new-2:9093
  skipped  Its clock and that of this machine agree: the cluster could not be
           connected to

orders: old -> new
  failed   The target has room: 10 GiB needed, 1 GiB free
           error FERRY2006: Too much is needed.
             fix: Add disk.
  warning  The target takes the clients of the groups
           question FERRY2003: Nobody tells the versions of orders-api.
             fix: Ask the owner: which client library, in which version, and
                  does that hold for all of its instances?

4 checks: 1 ok, 1 warning, 1 failed and 1 skipped.
`)
})

test('JSON says whether a check failed, and every right', () => {
  const json = JSON.parse(renderDoctorJson(report))
  expect(json.formatVersion).toBe('1.0')
  expect(json.ok).toBe(false)
  expect(json.migrations[0].rights.target.rights).toHaveLength(4)
})

test('ACLs: what is missing, then what cannot be seen', () => {
  expect(renderAclCommands(report)).toBe(`# old checks no ACLs: nothing to grant.

# new: what Ferry's user lacks.
kafka-acls.sh --bootstrap-server new-1:9093,new-2:9093 --command-config admin.properties --add --allow-principal 'User:<subject of Ferry'\\''s client certificate>' --operation Read --operation DescribeConfigs --topic orders
# new: whether these are there cannot be seen; granting twice does no harm.
kafka-acls.sh --bootstrap-server new-1:9093,new-2:9093 --command-config admin.properties --add --allow-principal 'User:<subject of Ferry'\\''s client certificate>' --operation Read --topic stock
`)
})
