-- The sweeper's move for a job whose message or worker is gone. Refused when the job moved on since the sweeper looked.
-- A header that vanished sends the whole job back to its opening task: parts are content-addressed, so that a second
-- run mostly finds its work done.
-- ARGV: id, enqueued_at as seen, attempts allowed, list key, message, failure JSON, failure meta, retention
local id, cap = ARGV[1], tonumber(ARGV[3])
local state = get(id, 'state')
local t = now()
if not state or FINAL[state] or get(id, 'enqueued_at') ~= ARGV[2] or number(id, 'lease_until') > t then return 'moved' end
if get(id, 'opening_message') then
  -- It never set out. That happens by itself when its turn comes; this is the net below.
  look_again(id, t + HELD_LOOK)
  set_out(id)
  return 'moved'
end
local parts = get(id, 'stage') == 'parts'
if parts then redis.call('HINCRBY', job_key(id), 'relaunches', 1) end
if number(id, 'attempts') >= cap or number(id, 'relaunches') >= cap then
  close(id, 'error', 'failure', ARGV[6], ARGV[7], tonumber(ARGV[8]))
  bury(id)
  return 'buried'
end
if parts then set(id, 'stage', 'opening', 'launch', '') end
set(id, 'state', 'queued', 'token', '', 'worker', '', 'lease_until', '0', 'enqueued_at', stamp(t))
look_again(id, t + GRACE)
rejoin_line(id)
redis.call('RPUSH', ARGV[4], ARGV[5])
count(COUNTED.JOBS_REQUEUED, operation_of(id))
emit(id)
return 'requeued'
