import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** Scenarios run the built `ferry`: one that is older than the sources would be tested in vain, so it is built again first. */
export const setup = (): void => {
  // The compiler writes only what changed, but always this.
  const built = changedAt(join(ROOT, 'dist', '.tsbuildinfo'))
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
  const newest = Math.max(...sources.map((e) => changedAt(join(e.parentPath, e.name))))
  if (built < newest) execFileSync('npm', ['run', 'build'], { cwd: ROOT, stdio: 'ignore' })
}

const changedAt = (path: string): number => {
  try {
    return statSync(path).mtimeMs
  } catch {
    return 0
  }
}
