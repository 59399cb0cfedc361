-- The job's record and its opening task's message, in one transaction. Idempotent: the same id with the same edit is
-- the same job, with another edit it is refused; the same goes for a client's idempotency key.
-- ARGV: id, digest of the edit, owner, pool queue, list key or '', message or '', open jobs that the owner may have
-- (0: any number), idempotency key or '', digest of the request, seconds the key lives, then field, value, …
-- Returns { answer, id of the job }.
local id, digest, owner, pool, list, message = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local limit, idempotency_key = tonumber(ARGV[7]), ARGV[8]
if idempotency_key ~= '' then
  local asked, job = recall(idempotency_key)
  if asked and asked ~= ARGV[9] then return { 'conflict', job } end
  if asked and redis.call('EXISTS', job_key(job)) == 1 then return { 'known', job } end
end
local known = get(id, 'digest')
if known then return { known == digest and 'known' or 'other', id } end
if limit > 0 and redis.call('SCARD', of_key(owner)) >= limit then return { 'crowded', id } end
local t = now()
local fields = {}
for i = 11, #ARGV do fields[#fields + 1] = ARGV[i] end
set(id, 'digest', digest, 'owner', owner, 'pool_queue', pool, 'state', 'queued', 'stage', 'opening', 'created_at', stamp(t),
  'enqueued_at', stamp(t), 'lease_until', '0', 'attempts', '0', 'relaunches', '0', 'progress', '0', 'step', '0',
  'total_steps', '0', 'message', '', 'token', '', 'launch', '', 'worker', '', unpack(fields))
if idempotency_key ~= '' then remember(idempotency_key, ARGV[9], id, ARGV[10]) end
redis.call('SADD', of_key(owner), id)
redis.call('SADD', open_key(pool), id)
to_prepare(id)
take_place(id)
count(COUNTED.JOBS_ACCEPTED, operation_of(id))
if message == '' then
  redis.call('SADD', line_key('ahead', id), id)
  look_again(id, t + GRACE)
else
  set(id, 'opening_list', list, 'opening_message', message)
  redis.call('ZADD', line_key('held', id), get(id, 'place'), id)
  look_again(id, t + HELD_LOOK)
  set_out(id)
end
-- Nobody is woken: nobody waits yet for what did not exist, and every gateway would hear of it in vain.
return { 'created', id }
