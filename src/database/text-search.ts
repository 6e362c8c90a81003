// A search reads a bounded number of rows per request, in slices. Other requests run between two slices: SQLite's queries block
// the event loop. The next page searches the rest.

import { setImmediate as nextTurn } from 'node:timers/promises'

const slice = 10_000
const slices = 5

/** Rows of a table in the order of their ids: those past `after`, up to and including `end`. */
export interface Range {
  after: number | undefined
  end: number | undefined
  limit: number
}

export interface Page<Row> {
  rows: Row[]
  /** The id after which the list goes on, undefined at its end. */
  next: number | undefined
}

export interface Search<Row> {
  limit: number
  after: number | undefined
  /** The matching rows of a range. */
  find (range: Range): Promise<Row[]>
  /** The id of the `count`th row past `after`, undefined where there are fewer. */
  findEnd (after: number | undefined, count: number): Promise<number | undefined>
}

/** A page of a search; shorter than `limit`, or empty, where the search took its share and there is more. */
export async function searchInSlices<Row extends { id: number }> ({ limit, after, find, findEnd }: Search<Row>): Promise<Page<Row>> {
  const rows: Row[] = []
  for (let searched = 0; searched < slices; searched++) {
    await nextTurn()
    const end = await findEnd(after, slice)
    rows.push(...await find({ after, end, limit: limit + 1 - rows.length }))
    if (rows.length > limit) return pageOf(rows, limit)
    if (end === undefined) return { rows, next: undefined }
    after = end
  }
  return { rows, next: after }
}

/** The page in rows of which one more than `limit` was asked for. */
export function pageOf<Row extends { id: number }> (rows: Row[], limit: number): Page<Row> {
  const page = rows.slice(0, limit)
  return { rows: page, next: rows.length > limit ? page.at(-1)?.id : undefined }
}

/**
 * A `like` pattern, with `\\` as its escape, for texts that contain `part`.
 * @param fold the folding under which the texts are stored
 */
export function containing (part: string, fold = (text: string) => text.toLowerCase()): string {
  return `%${fold(part).replace(/[\\%_]/g, '\\$&')}%`
}
