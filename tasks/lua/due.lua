-- Open jobs that the sweeper should look at now, oldest first.
-- ARGV: how many at most
local ids = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', OPEN, '-inf', now(), 'LIMIT', 0, tonumber(ARGV[1]))) do
  if redis.call('EXISTS', job_key(id)) == 1 then ids[#ids + 1] = id else redis.call('ZREM', OPEN, id) end
end
return ids
