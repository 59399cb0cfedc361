-- One attempt takes the job for the length of a lease. Refused: unknown, final, at another stage, held by a live
-- attempt. The attempt after the last one allowed buries the job instead.
-- ARGV: id, stage, token, worker, lease seconds, attempts allowed, failure JSON, failure meta JSON, retention
local id, stage, token, worker, lease, cap = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local state = get(id, 'state')
if not state then return 'unknown' end
if FINAL[state] then return 'final' end
if get(id, 'token') == token then return 'claimed' end -- the same call again, after a lost answer
if get(id, 'stage') ~= stage then return 'elsewhere' end
local t = now()
if number(id, 'lease_until') > t then return 'held' end
local attempts = number(id, 'attempts') + 1
if attempts > cap then
  close(id, 'error', 'failure', ARGV[7], ARGV[8], tonumber(ARGV[9]))
  bury(id)
  return 'exhausted'
end
set(id, 'state', stage == 'body' and 'processing' or 'preprocessing', 'attempts', attempts, 'token', token,
  'worker', worker, 'lease_until', stamp(t + lease))
redis.call('HSETNX', job_key(id), 'started_at', stamp(t))
if stage == 'body' then
  if not get(id, 'body_started_at') and get(id, 'prepared_at') then
    observe(t - number(id, 'prepared_at'), COUNTED.JOB_STAGE_SECONDS, operation_of(id), 'waiting')
  end
  set(id, 'body_started_at', stamp(t))
  local priority, turns = get(id, 'priority'), turns_key(get(id, 'pool_queue'))
  redis.call('HSET', turns, priority, math.max(number(id, 'turn'), tonumber(redis.call('HGET', turns, priority) or 0)))
  leave_line(id)
end
look_again(id, t + lease)
emit(id)
return 'claimed'
