-- Sends requests with the tokens of a file, in turn. Requests are built before the clock starts.
-- Only a request with an Idempotency-Key is completed later, because each needs a key of its own.
local etag = os.getenv("BENCH_ETAG")
local method = os.getenv("BENCH_METHOD")
local key_prefix = os.getenv("BENCH_KEY_PREFIX")
local n = tonumber(os.getenv("BENCH_FIRST_TOKEN"))
local requests = {}

function init()
  for token in io.lines(os.getenv("BENCH_TOKEN_FILE")) do
    local headers = { ["authorization"] = "Bearer " .. token }
    if etag ~= "" then headers["if-none-match"] = etag end
    local body = nil
    if method == "POST" then
      headers["content-type"] = "application/json"
      body = '{"name":"On bread"}'
    end
    if key_prefix ~= "" then headers["idempotency-key"] = "{key}" end
    requests[#requests + 1] = wrk.format(method, os.getenv("BENCH_PATH"), headers, body)
  end
end

function request()
  n = n + 1
  local request = requests[n % #requests + 1]
  if key_prefix == "" then return request end
  return (request:gsub("{key}", key_prefix .. n))
end
