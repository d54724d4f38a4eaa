import { Command } from 'commander'
import type { DoctorReport } from '../../doctor/report.ts'
import { isSet, names } from '../args.ts'
import { asksClusters, type Context } from '../context.ts'
import { exitCodeFor } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

/** Every check of the migrations asked for, and of their clusters. Read-only; opens no state and takes no lock. */
export const doctor = async (
  context: Context,
  wanted: readonly string[],
): Promise<DoctorReport> => {
  const { examine } = await import('../../app/examine.ts')
  return asksClusters(context, (options) =>
    examine({ ...options, names: wanted, now: context.streams.now }),
  )
}

export const doctorCommand = (act: Act): Command =>
  new Command('doctor')
    .summary('look for what would get in the way of a migration')
    .description(
      "Tries every address of both clusters, and checks what a migration depends on: cluster ids, versions and what they lack, clocks, the rights of Ferry's user, groups and applications that no plan lists, retention, replication, disk, the versions of clients, schema registries. Read-only. A check is ok, warning, failed, or skipped with the reason; what no broker can tell is put as a question to the owner. Exits with 0 if no check failed, with 1 if a cluster cannot be connected to, with 4 if something stands in the way, with 5 if another cluster answers.",
    )
    .argument('[name...]', 'migrations; all of the project, with their clusters, if none is named')
    .option(
      '--print-acls',
      "only the rights that Ferry's user lacks, as kafka-acls commands for an administrator",
    )
    .option('--json', 'as JSON, with every right that is needed and whether it is there')
    .action(
      act(async (context, args, flags) => {
        const report = await doctor(context, names(args))
        const { checksOf } = await import('../../doctor/report.ts')
        const { renderDoctor, renderDoctorJson } = await import('../../views/doctor.ts')
        const { renderAclCommands } = await import('../../views/acl-commands.ts')
        if (isSet(flags, 'json')) context.print(renderDoctorJson(report))
        else if (isSet(flags, 'printAcls')) context.print(renderAclCommands(report))
        else context.print(renderDoctor(report, context.style, context.streams.columns))
        return exitCodeFor(checksOf(report).flatMap(({ problems }) => problems))
      }),
    )
