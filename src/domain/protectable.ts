/** What `lifecycle: { preventDelete: true }` can stand at. */
export interface Protectable {
  readonly kind: 'topic' | 'group' | 'user'
  readonly name: string
}
