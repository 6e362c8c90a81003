const marked = new WeakSet<Error>()

/** Marks an error of the database driver that says that the storage is at fault, not the query. */
export function markUnavailable (error: Error): void {
  marked.add(error)
}

export function isMarkedUnavailable (error: unknown): boolean {
  return error instanceof Error && marked.has(error)
}
