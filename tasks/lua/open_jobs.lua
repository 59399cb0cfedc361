-- Open jobs, for somebody who looks: of each its id and some of its fields, at most so many; and the latest failures.
-- ARGV: how many at most, then fields
local jobs = {}
for _, id in ipairs(redis.call('ZRANGE', OPEN, 0, tonumber(ARGV[1]) - 1)) do
  jobs[#jobs + 1] = { id, redis.call('HMGET', job_key(id), unpack(ARGV, 2)) }
end
return { stamp(now()), jobs, redis.call('LRANGE', FAILURES, 0, -1) }
