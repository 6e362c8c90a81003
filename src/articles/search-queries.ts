// The search index of articles. On PostgreSQL it is a GIN index of trigrams, where the extension could be
// created. On SQLite it is an FTS5 table with a row for each block of 32 consecutive ids. Triggers queue the
// blocks that changed. A search reads the blocks with all trigrams of its text and the queued blocks. It then
// compares the names themselves, so a stale index entry costs time only. An index of single articles made
// creates ten times slower: 1,900 in place of 21,000 rows/s in groups of 32 (2026-11-27).

import { sql } from 'kysely'
import { isSqlite } from '../database/sqlite/dialect.ts'
import type { Database } from '../database/tables.ts'
import { inTransaction } from '../database/transaction.ts'
import { containing } from '../database/text-search.ts'
import type { ArticleRange } from './queries.ts'
import type { Article } from './schemas.ts'

/** The same number as in the migration. */
const blockSize = 32
/** Each trigram is one more list of blocks to intersect, so more trigrams would make the search slower. */
const maxTrigrams = 10

export type SearchIndex = 'blocks' | 'trigrams' | 'none'

const indexes = new WeakMap<Database, Promise<SearchIndex>>()

/** Finds out which index the database has, once per database. */
export function findSearchIndex (db: Database): Promise<SearchIndex> {
  const index = indexes.get(db) ?? readSearchIndex(db)
  indexes.set(db, index)
  index.catch(() => indexes.delete(db))
  return index
}

async function readSearchIndex (db: Database): Promise<SearchIndex> {
  if (isSqlite(db)) return 'blocks'
  const { rows } = await sql`
    select 1 from pg_index where indexrelid = to_regclass('articles_name_trigrams') and indisvalid`.execute(db)
  return rows.length > 0 ? 'trigrams' : 'none'
}

/** The full-text query for the trigrams of a text, or undefined for a text of fewer than three characters. */
export function trigramQuery (text: string): string | undefined {
  const characters = [...text.toLowerCase()]
  const trigrams = [...new Set(characters.slice(2).map((_, start) => characters.slice(start, start + 3).join('')))]
  if (trigrams.length === 0) return undefined
  const step = Math.max(1, trigrams.length / maxTrigrams)
  const length = Math.min(trigrams.length, maxTrigrams)
  const selected = Array.from({ length }, (_, index) => trigrams[Math.floor(index * step)] ?? '')
  return selected.map(trigram => `"${trigram.replaceAll('"', '""')}"`).join(' AND ')
}

/**
 * Finds the last id of the blocks, past `after`, that hold `count` candidates; undefined where there are
 * fewer.
 */
export async function findBlocksEnd (
  db: Database, trigrams: string, count: number, { order, after }: Pick<ArticleRange, 'order' | 'after'>
): Promise<number | undefined> {
  const { rows: [end] } = await sql<{ block: number }>`
    select block from (${candidateBlocks(trigrams, { order, after })})
    order by block ${sql.raw(order)} limit 1 offset ${Math.ceil(count / blockSize) - 1}`.execute(db)
  return end && (order === 'asc' ? end.block * blockSize + blockSize - 1 : end.block * blockSize)
}

/** Lists the articles of a range whose name contains the text, in the order of their ids. SQLite only. */
export async function listArticlesInBlocks (
  db: Database, trigrams: string, text: string, { order, after, end, limit }: ArticleRange
): Promise<Article[]> {
  // The plus keeps SQLite from reading each block from `after` on, in place of the ids of the block.
  const past = sql`+articles.id ${sql.raw(order === 'asc' ? '>' : '<')} ${after} and`
  const { rows } = await sql<Article>`
    select articles.id, articles.name, users.username as author, articles.created_at as createdAt, articles.updated_at as updatedAt
    from (select block from (${candidateBlocks(trigrams, { order, after, end })}) order by block ${sql.raw(order)}) found
    cross join articles on articles.id >= found.block * ${sql.lit(blockSize)}
      and articles.id < (found.block + 1) * ${sql.lit(blockSize)}
    left join users on users.id = articles.author_id
    where ${after === undefined ? sql`` : past} articles.name_key like ${containing(text)} escape '\\'
    order by found.block ${sql.raw(order)}, articles.id ${sql.raw(order)} limit ${limit}`.execute(db)
  return rows
}

/** The blocks whose names have all trigrams, and the blocks whose index entry is stale. */
function candidateBlocks (trigrams: string, { order, after, end }: Omit<ArticleRange, 'limit'>) {
  const first = firstBlock(order, after)
  const last = end === undefined ? undefined : Math.floor(end / blockSize)
  const [from, to] = order === 'asc' ? [first, last ?? Number.MAX_SAFE_INTEGER] : [last ?? 0, first]
  return sql`
    select rowid as block from articles_search where articles_search match ${trigrams} and rowid between ${from} and ${to}
    union select block from articles_search_queue where block between ${from} and ${to}`
}

function firstBlock (order: 'asc' | 'desc', after: number | undefined): number {
  if (order === 'asc') return after === undefined ? 0 : Math.floor((after + 1) / blockSize)
  return after === undefined ? Number.MAX_SAFE_INTEGER : Math.floor((after - 1) / blockSize)
}

/**
 * Updates at most `limit` queued blocks of the index in one transaction. Returns their number. SQLite only.
 */
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
      cross join articles on articles.id >= queued.value * ${sql.lit(blockSize)}
        and articles.id < (queued.value + 1) * ${sql.lit(blockSize)}
      group by queued.value`.execute(transaction)
    await sql`delete from articles_search_queue where block in (select value from json_each(${list}))`.execute(transaction)
    return blocks.length
  })
}

/** Lists the queued blocks in their order. */
async function listQueuedBlocks (db: Database, limit: number): Promise<number[]> {
  const { rows } = await sql<{ block: number }>`select block from articles_search_queue order by block limit ${limit}`.execute(db)
  return rows.map(({ block }) => block)
}
