-- The job's record and its opening task's message, in one transaction. Idempotent: the same id with the same edit is
-- the same job, with another edit it is refused.
-- ARGV: id, digest of the edit, pool queue, grace, list key or '', message or '', then field, value, …
local id, digest, pool, grace, list, message = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local known = get(id, 'digest')
if known then
  if known == digest then return 'known' end
  return 'other'
end
local t = now()
local fields = {}
for i = 7, #ARGV do fields[#fields + 1] = ARGV[i] end
set(id, 'digest', digest, 'pool_queue', pool, 'state', 'queued', 'stage', 'opening', 'created_at', stamp(t),
  'enqueued_at', stamp(t), 'lease_until', '0', 'attempts', '0', 'relaunches', '0', 'progress', '0', 'step', '0',
  'total_steps', '0', 'message', '', 'token', '', 'launch', '', 'worker', '', unpack(fields))
look_again(id, t + grace)
wait_for(id, pool)
if message ~= '' then redis.call('LPUSH', list, message) end
emit(id)
return 'created'
