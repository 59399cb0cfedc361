-- A header task is done: its image becomes a condition of the job. After the last one the job waits for its pool.
-- ARGV: id, launch, role, image id
local id, launch, role = ARGV[1], ARGV[2], ARGV[3]
if launch == '' or get(id, 'launch') ~= launch then return 'lost' end
if redis.call('HSETNX', job_key(id), 'part:' .. role, ARGV[4]) == 0 then return 'known' end
redis.call('HDEL', job_key(id), 'starts:' .. role)
local left = redis.call('HINCRBY', job_key(id), 'parts_left', -1)
local t = now()
if left > 0 then
  -- While another part runs, its lease tells when to look again; else what is missing is in the queue, or lost.
  if redis.call('HINCRBY', job_key(id), 'parts_running', -1) <= 0 then
    set(id, 'lease_until', '0')
    look_again(id, t + GRACE)
  end
  return 'stored'
end
set(id, 'stage', 'body', 'lease_until', '0', 'attempts', '0', 'enqueued_at', stamp(t))
wait_for_pool(id, t)
look_again(id, t + GRACE)
return 'complete'
