-- A worker tells its state, in a key that outlives it by one heartbeat only.
-- ARGV: worker, JSON, seconds to live ('0' takes the worker off the list)
local workers, key = P .. 'workers', P .. 'worker:' .. ARGV[1]
if ARGV[3] == '0' then
  redis.call('ZREM', workers, ARGV[1])
  redis.call('DEL', key)
  return 'gone'
end
redis.call('ZREMRANGEBYSCORE', workers, '-inf', now())
redis.call('ZADD', workers, now() + tonumber(ARGV[3]), ARGV[1])
redis.call('SET', key, ARGV[2], 'EX', ARGV[3])
return 'announced'
