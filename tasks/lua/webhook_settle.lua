-- What came of an attempt: another one after a while, or the end. What ended undelivered is kept in a list.
-- ARGV: id, token, outcome, seconds until the next attempt
local id, outcome = ARGV[1], ARGV[3]
if get(id, 'webhook_token') ~= ARGV[2] then return 'lost' end
if outcome == 'postponed' then
  local at = now() + tonumber(ARGV[4])
  set(id, 'webhook_token', '', 'webhook_until', '0', 'webhook_at', stamp(at))
  redis.call('ZADD', WEBHOOKS, at, id)
  return 'settled'
end
redis.call('ZREM', WEBHOOKS, id)
redis.call('HDEL', job_key(id), 'webhook_token', 'webhook_until', 'webhook_at', 'webhook_attempts')
set(id, 'webhook_outcome', outcome)
if outcome ~= 'delivered' then
  redis.call('LPUSH', P .. 'webhooks:dead', id)
  redis.call('LTRIM', P .. 'webhooks:dead', 0, DEAD_MAX - 1)
end
return 'settled'
