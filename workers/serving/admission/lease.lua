-- Takes from, or gives back to, the two budgets of a workspace in one atomic step.
-- KEYS: token bucket, predictions of the month
-- ARGV: rate a second (-1: none), requests wanted (negative: given back),
--       predictions a month (-1: none), predictions wanted (negative: given back), predictions owed (always added)
-- Returns: requests granted, requests left, milliseconds until the next one, predictions granted, predictions spent
local rate, requests = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit, predictions, owed = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local granted, left, wait = math.max(requests, 0), 0, 0
if rate >= 0 then
  local clock = redis.call('TIME')
  local now = clock[1] * 1000000 + clock[2]
  local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
  local tokens = tonumber(bucket[1]) or rate
  tokens = math.min(rate, tokens + math.max(0, now - (tonumber(bucket[2]) or now)) * rate / 1000000)
  granted = math.max(0, math.min(requests, math.floor(tokens)))
  tokens = math.min(rate, tokens - (requests < 0 and requests or granted))
  left = math.floor(tokens)
  if tokens < 1 then wait = rate > 0 and math.ceil((1 - tokens) * 1000 / rate) or 1000 end
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
  redis.call('EXPIRE', KEYS[1], 60)
end

local spent = tonumber(redis.call('GET', KEYS[2]) or '0') + owed
local allowed = predictions
if limit >= 0 and predictions > 0 then allowed = math.max(0, math.min(predictions, limit - spent)) end
spent = math.max(0, spent + allowed)
if owed ~= 0 or allowed ~= 0 then
  redis.call('SET', KEYS[2], string.format('%.0f', spent))
  redis.call('EXPIRE', KEYS[2], 6220800)
end
return {granted, left, wait, math.max(allowed, 0), spent}
