// Express 5 with aws-jwt-verify and better-sqlite3, as their READMEs show them. It has no rate limit and no
// log.
import { JwtVerifier } from 'aws-jwt-verify'
import BetterSqlite3 from 'better-sqlite3'
import express from 'express'

const { PORT, BENCH_DATABASE = '', BENCH_CLIENT = '', BENCH_KEYS = '', BENCH_ISSUER = '' } = process.env
const file = new BetterSqlite3(BENCH_DATABASE)
file.pragma('journal_mode = WAL')
file.pragma('synchronous = FULL')
const list = file.prepare(`SELECT articles.id, articles.name, users.username AS author, articles.created_at AS "createdAt", articles.updated_at AS "updatedAt"
  FROM articles LEFT JOIN users ON users.id = articles.author_id ORDER BY articles.id LIMIT 50`)
const insert = file.prepare('INSERT INTO articles (name, name_key, author_id, created_at, updated_at) VALUES (?, ?, 1, ?, ?)')

// CognitoJwtVerifier accepts only Amazon's issuers, and JwtVerifier fetches keys over https: only. So the
// keys are given.
const verifier = JwtVerifier.create({ issuer: BENCH_ISSUER, audience: BENCH_CLIENT, jwksUri: `${BENCH_ISSUER}/.well-known/jwks.json` })
verifier.cacheJwks(JSON.parse(BENCH_KEYS))

const app = express()
app.use(async (request, response, next) => {
  try {
    await verifier.verify((request.headers.authorization ?? '').replace(/^Bearer /, ''))
  } catch {
    response.status(401).json({ error: 'unauthorized' })
    return
  }
  next()
})
app.use(express.json())
app.get('/articles', (_request, response) => { response.json(list.all()) })
app.post('/articles', (request, response) => {
  const now = new Date().toISOString()
  const { name } = request.body
  const { lastInsertRowid } = insert.run(name, name, now, now)
  response.status(201).json({ id: Number(lastInsertRowid), name, author: 'alice', createdAt: now, updatedAt: now })
})
app.listen(Number(PORT), '127.0.0.1')
