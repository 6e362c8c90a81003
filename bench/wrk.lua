-- Requests with the tokens of a file in turn, put together before the clock runs; save where each has an Idempotency-Key of its own.
local tag = os.getenv("BENCH_TAG")
local method = os.getenv("BENCH_METHOD")
local keys = os.getenv("BENCH_KEYS_FROM")
local n = tonumber(os.getenv("BENCH_FROM"))
local requests = {}

function init()
  for token in io.lines(os.getenv("BENCH_TOKENS")) do
    local headers = { ["authorization"] = "Bearer " .. token }
    if tag ~= "" then headers["if-none-match"] = tag end
    local body = nil
    if method == "POST" then
      headers["content-type"] = "application/json"
      body = '{"name":"On bread"}'
    end
    if keys ~= "" then headers["idempotency-key"] = "{key}" end
    requests[#requests + 1] = wrk.format(method, os.getenv("BENCH_PATH"), headers, body)
  end
end

function request()
  n = n + 1
  local request = requests[n % #requests + 1]
  if keys == "" then return request end
  return (request:gsub("{key}", keys .. n))
end
