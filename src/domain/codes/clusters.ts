import { type CodePage, page } from './page.ts'

export const CLUSTER_CODES = {
  FERRY1201: page(5, 'Wrong cluster', 'The cluster that answered has another id than the one pinned in the cluster file.'),
} as const satisfies Record<string, CodePage>
