-- Requests with the tokens of a file in turn; each thread begins elsewhere in it.
local tokens = {}
for line in io.lines(os.getenv("BENCH_TOKENS")) do tokens[#tokens + 1] = line end
local method = os.getenv("BENCH_METHOD") or "GET"
local path = os.getenv("BENCH_PATH") or "/articles"
local tag = os.getenv("BENCH_TAG")
local body = nil
if method == "POST" then body = '{"name":"On bread"}' end
local n = 0
local statuses = {}

function setup(thread) thread:set("start", math.random(#tokens)) end
function init() n = start or 0 end

function request()
  n = n + 1
  local headers = { ["authorization"] = "Bearer " .. tokens[n % #tokens + 1] }
  if body then headers["content-type"] = "application/json" end
  if tag and tag ~= "" then headers["if-none-match"] = tag end
  return wrk.format(method, path, headers, body)
end
