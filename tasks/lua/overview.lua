-- Everything at a glance: live workers; for each queue its messages, the jobs that wait for its pool, the age of what has
-- waited for longest, the jobs that its pool has to work on, and the learned seconds of one of them; open jobs; which
-- share of the server's memory is in use (0 where it has no limit); and the capacity that the scaler decided on for each
-- profile, unless that was a minute ago.
-- ARGV: separator of priority lists, priority levels (comma), then queue names
local steps, separator, t = ARGV[2], ARGV[1], now()
local workers = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', P .. 'workers', t, '+inf')) do
  local worker = redis.call('GET', P .. 'worker:' .. name)
  if worker then workers[#workers + 1] = worker end
end
local queues = {}
for i = 3, #ARGV do
  local depth, since = 0, t
  for step in string.gmatch(steps, '%d+') do
    local list = ARGV[i]
    if step ~= '0' then list = list .. separator .. step end
    depth = depth + redis.call('LLEN', list)
  end
  -- Gateways may not read messages: the sweeper notes how old the oldest one is.
  if depth > 0 then since = math.min(since, tonumber(redis.call('GET', P .. 'oldest:' .. ARGV[i]) or t)) end
  for _, id in ipairs(redis.call('ZRANGE', waiting_key(ARGV[i]), 0, 0)) do
    since = math.min(since, number(id, 'created_at'))
  end
  queues[#queues + 1] = { ARGV[i], depth, redis.call('ZCARD', waiting_key(ARGV[i])), stamp(t - since),
    redis.call('SCARD', open_key(ARGV[i])), redis.call('HGET', P .. 'jobs:seconds', ARGV[i]) or '' }
end
local memory = redis.call('INFO', 'memory')
local used, most = string.match(memory, 'used_memory:(%d+)'), tonumber(string.match(memory, 'maxmemory:(%d+)'))
local capacity, decided = {}, redis.call('HGETALL', P .. 'capacity')
for i = 1, #decided, 2 do
  if t - cjson.decode(decided[i + 1]).decided_at <= 60 then
    capacity[#capacity + 1] = { decided[i], decided[i + 1] }
  end
end
return { workers, queues, redis.call('ZCARD', OPEN), most > 0 and stamp(used / most) or '0', capacity }
