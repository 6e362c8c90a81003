// A search reads a bounded number of rows per request, in slices. Other requests run between two slices,
// because SQLite's queries block the event loop. The next page continues the search.

import { setImmediate as nextTurn } from 'node:timers/promises'

const rowsPerSlice = 10_000
const maxSlices = 5

/** A range of rows in the order of their ids: after `after`, up to and including `end`. */
export interface Range {
  after: number | undefined
  end: number | undefined
  limit: number
}

export interface Page<Row> {
  rows: Row[]
  /** The id after which the list continues. Undefined on the last page. */
  next: number | undefined
}

export interface Search<Row> {
  limit: number
  after: number | undefined
  /** The matching rows of a range. */
  find (range: Range): Promise<Row[]>
  /** The id of the row that is `count` rows after `after`. Undefined where there are fewer rows. */
  findEnd (after: number | undefined, count: number): Promise<number | undefined>
}

/**
 * A page of a search. It may be shorter than `limit`, or empty, where the search stopped at its maximum and
 * there is more.
 */
export async function searchInSlices<Row extends { id: number }> ({ limit, after, find, findEnd }: Search<Row>): Promise<Page<Row>> {
  const rows: Row[] = []
  for (let slices = 0; slices < maxSlices; slices++) {
    await nextTurn()
    const end = await findEnd(after, rowsPerSlice)
    rows.push(...await find({ after, end, limit: limit + 1 - rows.length }))
    if (rows.length > limit) return pageOf(rows, limit)
    if (end === undefined) return { rows, next: undefined }
    after = end
  }
  return { rows, next: after }
}

/** @param rows up to `limit + 1` rows: the extra row tells that there is another page */
export function pageOf<Row extends { id: number }> (rows: Row[], limit: number): Page<Row> {
  const page = rows.slice(0, limit)
  return { rows: page, next: rows.length > limit ? page.at(-1)?.id : undefined }
}

/**
 * A `like` pattern, with `\\` as its escape, that matches texts which contain `part`.
 * @param fold the case folding of the stored texts
 */
export function containing (part: string, fold = (text: string) => text.toLowerCase()): string {
  return `%${fold(part).replace(/[\\%_]/g, '\\$&')}%`
}
