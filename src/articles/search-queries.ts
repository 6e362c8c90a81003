// The search index of articles. On PostgreSQL it is a GIN index of trigrams, where the extension could be created. On SQLite it
// is an FTS5 table with a row for each block of 32 consecutive ids. An index of single articles made creates ten times slower:
// 21,000 to 1,900 rows/s in groups of 32, 2026-11-27. Triggers queue the blocks that changed. A search reads the blocks that have
// all trigrams of its text, and the queued ones, and compares the names themselves. So an index entry that is stale costs time only.

import { sql } from 'kysely'
import { isSqlite } from '../database/sqlite/dialect.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { containing, type Range } from '../database/text-search.ts'
import type { Article } from './schemas.ts'

/** As in the migration. */
const blockSize = 32
/** More would only be slower: each trigram is another list of blocks to go through. */
const maxTrigrams = 10

export type SearchIndex = 'blocks' | 'trigrams' | 'none'

const indexes = new WeakMap<Database, Promise<SearchIndex>>()

/** Which index the database has; it is asked once. */
export function findSearchIndex (db: Database): Promise<SearchIndex> {
  const known = indexes.get(db) ?? readSearchIndex(db)
  indexes.set(db, known)
  known.catch(() => indexes.delete(db))
  return known
}

async function readSearchIndex (db: Database): Promise<SearchIndex> {
  if (isSqlite(db)) return 'blocks'
  const { rows } = await sql`select 1 from pg_index where indexrelid = to_regclass('articles_name_trigrams') and indisvalid`.execute(db)
  return rows.length > 0 ? 'trigrams' : 'none'
}

/** The text as a full-text query for its trigrams; undefined where it is shorter than one. */
export function trigramQuery (text: string): string | undefined {
  const characters = [...text.toLowerCase()]
  const trigrams = [...new Set(characters.slice(2).map((_, start) => characters.slice(start, start + 3).join('')))]
  if (trigrams.length === 0) return undefined
  const step = Math.max(1, trigrams.length / maxTrigrams)
  const chosen = Array.from({ length: Math.min(trigrams.length, maxTrigrams) }, (_, n) => trigrams[Math.floor(n * step)] ?? '')
  return chosen.map(trigram => `"${trigram.replaceAll('"', '""')}"`).join(' AND ')
}

/** The last id of so many blocks that may have the text, past `after`; undefined where there are fewer. */
export async function findBlocksEnd (db: Database, query: string, after: number | undefined, order: 'asc' | 'desc', rows: number): Promise<number | undefined> {
  const { rows: [end] } = await sql<{ block: number }>`
    select block from (${candidates(query, firstBlock(after, order), undefined, order)})
    order by block ${sql.raw(order)} limit 1 offset ${Math.ceil(rows / blockSize) - 1}`.execute(db)
  return end && (order === 'asc' ? end.block * blockSize + blockSize - 1 : end.block * blockSize)
}

/** The articles of a range whose name contains the text, by id. */
export async function listArticlesInBlocks (db: Database, query: string, text: string, { after, end, limit }: Range, order: 'asc' | 'desc'): Promise<Article[]> {
  // The plus keeps SQLite from reading each block from `after` on, in place of the block's own ids.
  const past = after === undefined ? sql`` : order === 'asc' ? sql`+articles.id > ${after} and` : sql`+articles.id < ${after} and`
  const last = end === undefined ? undefined : Math.floor(end / blockSize)
  const { rows } = await sql<Article>`
    select articles.id, articles.name, users.username as author, articles.created_at as createdAt, articles.updated_at as updatedAt
    from (select block from (${candidates(query, firstBlock(after, order), last, order)}) order by block ${sql.raw(order)}) found
    cross join articles on articles.id >= found.block * ${sql.lit(blockSize)} and articles.id < (found.block + 1) * ${sql.lit(blockSize)}
    left join users on users.id = articles.author_id
    where ${past} articles.name_key like ${containing(text)} escape '\\'
    order by found.block ${sql.raw(order)}, articles.id ${sql.raw(order)} limit ${limit}`.execute(db)
  return rows
}

/** The blocks whose names have all trigrams, and those whose index entry is not up to date. */
function candidates (query: string, first: number, last: number | undefined, order: 'asc' | 'desc') {
  const [from, to] = order === 'asc' ? [first, last ?? Number.MAX_SAFE_INTEGER] : [last ?? 0, first]
  return sql`select rowid as block from articles_search where articles_search match ${query} and rowid between ${from} and ${to}
    union select block from articles_search_queue where block between ${from} and ${to}`
}

function firstBlock (after: number | undefined, order: 'asc' | 'desc'): number {
  if (order === 'asc') return after === undefined ? 0 : Math.floor((after + 1) / blockSize)
  return after === undefined ? Number.MAX_SAFE_INTEGER : Math.floor((after - 1) / blockSize)
}

/** Brings at most so many queued blocks of the index up to date, in one transaction, and says how many. SQLite only. */
export async function indexQueuedBlocks (db: Database, limit: number): Promise<number> {
  const isQueueEmpty = (await listQueuedBlocks(db, 1)).length === 0
  if (isQueueEmpty) return 0
  return inTransaction(db, async transaction => {
    const blocks = await listQueuedBlocks(transaction, limit)
    const list = JSON.stringify(blocks)
    await sql`delete from articles_search where rowid in (select value from json_each(${list}))`.execute(transaction)
    await sql`
      insert into articles_search (rowid, names) select queued.value, group_concat(articles.name_key, char(10))
      from json_each(${list}) queued
      cross join articles on articles.id >= queued.value * ${sql.lit(blockSize)} and articles.id < (queued.value + 1) * ${sql.lit(blockSize)}
      group by queued.value`.execute(transaction)
    await sql`delete from articles_search_queue where block in (select value from json_each(${list}))`.execute(transaction)
    return blocks.length
  })
}

async function listQueuedBlocks (db: Database, limit: number): Promise<number[]> {
  const { rows } = await sql<{ block: number }>`select block from articles_search_queue order by block limit ${limit}`.execute(db)
  return rows.map(({ block }) => block)
}
