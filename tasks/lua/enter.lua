-- A header task starts. Refused when its job is final or was launched anew since, and when what it makes is there: a
-- second delivery would hold the job against its body. The start after the last one allowed
-- buries the job instead: whoever has it made again, Celery or the sweeper, starts are counted here alone.
-- ARGV: id, launch, lease seconds, role, starts allowed, failure JSON, failure meta JSON, retention
local id, launch, role = ARGV[1], ARGV[2], ARGV[4]
if launch == '' or get(id, 'launch') ~= launch or get(id, 'stage') ~= 'parts' then return 'lost' end
if redis.call('HEXISTS', job_key(id), 'part:' .. role) == 1 then return 'lost' end
if redis.call('HINCRBY', job_key(id), 'starts:' .. role, 1) > tonumber(ARGV[5]) then
  close(id, 'error', 'failure', ARGV[6], ARGV[7], tonumber(ARGV[8]))
  bury(id)
  return 'buried'
end
local until_ = math.max(number(id, 'lease_until'), now() + tonumber(ARGV[3]))
set(id, 'lease_until', stamp(until_))
redis.call('HINCRBY', job_key(id), 'parts_running', 1)
look_again(id, until_)
return 'entered'
