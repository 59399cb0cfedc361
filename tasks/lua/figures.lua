-- All that is counted: totals; open jobs by operation and state; lengths of what somebody has to look at; the memory
-- that the server uses, in bytes, and may use (0: any).
local open = {}
for _, id in ipairs(redis.call('ZRANGE', OPEN, 0, -1)) do
  local f = redis.call('HMGET', job_key(id), 'state', 'kind')
  if f[1] then
    local of = operation_in(f[2]) .. '|' .. f[1]
    open[of] = (open[of] or 0) + 1
  end
end
local flat = {}
for of, jobs in pairs(open) do
  flat[#flat + 1] = of
  flat[#flat + 1] = jobs
end
local memory = redis.call('INFO', 'memory')
return { redis.call('HGETALL', METRICS), flat, redis.call('LLEN', DEAD), redis.call('LLEN', P .. 'messages:dead'),
  redis.call('ZCARD', WEBHOOKS), redis.call('LLEN', P .. 'webhooks:dead'),
  tonumber(string.match(memory, 'used_memory:(%d+)')), tonumber(string.match(memory, 'maxmemory:(%d+)')) }
