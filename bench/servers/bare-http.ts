// node:http that answers the bytes of the list, and nothing else.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const { PORT, BENCH_LIST = '' } = process.env
const body = readFileSync(BENCH_LIST)
createServer((_request, response) => {
  response.setHeader('content-type', 'application/json; charset=utf-8').end(body)
}).listen(Number(PORT), '127.0.0.1')
