-- StoredQuota::step for Lua 5.1: KEYS = {bucket}, ARGV = {token, refill, full, cost, [now in microseconds]}.
-- Answers {1, 0} when the cost passes, {0, wait in microseconds} when it is limited, {-1, 0} when it never can.
local token, refill, full, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(ARGV[5])
local own_clock = now == nil
if own_clock then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
-- Whole numbers are exact up to here: the year 2255.
now = math.min(now, 9007199254740992)
local last, owed = 0, 0
local state = redis.call('GET', KEYS[1])
if state then
  local a, b = string.match(state, '^(%d+):(%d+)$')
  last, owed = tonumber(a), math.min(tonumber(b), full)
end
if now > last then
  if now - last >= math.floor((owed + refill - 1) / refill) then
    owed = 0
  else
    owed = owed - (now - last) * refill
  end
  last = now
end
local units = cost * token
if units > full then
  return {-1, 0}
end
if owed > full - units then
  return {0, math.floor((owed - (full - units) + refill - 1) / refill)}
end
owed = owed + units
-- Not tostring, which keeps 14 digits.
local text = string.format('%.0f:%.0f', last, owed)
if own_clock then
  -- Forgotten when it is full again, as in a table.
  redis.call('SET', KEYS[1], text, 'PX', math.floor((owed + refill - 1) / refill / 1000) + 1)
else
  redis.call('SET', KEYS[1], text)
end
return {1, 0}
