-- A header task is done: its image becomes a condition of the job. After the last one the job waits for its pool.
-- ARGV: id, launch, role, image id
local id, launch, role = ARGV[1], ARGV[2], ARGV[3]
if launch == '' or get(id, 'launch') ~= launch then return 'lost' end
if redis.call('HSETNX', job_key(id), 'part:' .. role, ARGV[4]) == 0 then return 'known' end
local left = redis.call('HINCRBY', job_key(id), 'parts_left', -1)
if left > 0 then return 'stored' end
local t = now()
set(id, 'stage', 'body', 'lease_until', '0', 'attempts', '0', 'enqueued_at', stamp(t))
look_again(id, t + GRACE)
return 'complete'
