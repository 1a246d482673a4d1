-- Rotates over the requests of a file (see load.py); they are composed once, so that the client costs little.
local requests, number = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for line in file:lines() do
    local path, head, body = line:match("^(%S+) (%d+) (%d+)$")
    local headers = {}
    for name, value in file:read(tonumber(head)):gmatch("([^:\n]+): ([^\n]*)\n") do headers[name] = value end
    requests[#requests + 1] = wrk.format("POST", path, headers, file:read(tonumber(body)))
  end
  file:close()
end

function request()
  number = number % #requests + 1
  return requests[number]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("RESULT %d %d %d %f %f\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99)))
end
