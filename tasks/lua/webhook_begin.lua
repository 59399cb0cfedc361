-- One attempt's right to send a webhook, for a lease: a second message for the same one finds it held, or not due.
-- ARGV: id, token, lease. Returns { answer, number of the attempt }
local id, token, t = ARGV[1], ARGV[2], now()
if not redis.call('ZSCORE', WEBHOOKS, id) or not get(id, 'owner') then return { 'settled', 0 } end
if get(id, 'webhook_token') == token then return { 'begun', number(id, 'webhook_attempts') } end
if number(id, 'webhook_until') > t then return { 'held', 0 } end
if number(id, 'webhook_at') > t then return { 'early', 0 } end
set(id, 'webhook_token', token, 'webhook_until', stamp(t + tonumber(ARGV[3])))
redis.call('ZADD', WEBHOOKS, t + tonumber(ARGV[3]), id)
return { 'begun', redis.call('HINCRBY', job_key(id), 'webhook_attempts', 1) }
