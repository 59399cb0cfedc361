-- The record with what only the ledger as a whole knows: the job's place in the line, and how long such jobs take.
-- ARGV: id
local id = ARGV[1]
local record = redis.call('HGETALL', job_key(id))
if #record == 0 then return false end
local pool = get(id, 'pool_queue')
local rank = redis.call('ZRANK', waiting_key(pool), id)
local seconds = redis.call('HGET', P .. 'jobs:seconds', get(id, 'kind'))
local last = redis.call('XREVRANGE', events_key(id), '+', '-', 'COUNT', 1)[1]
local last_id = last and last[1] or is_unwritten(id) and first_event(id) or '0-0'
return { record, rank, seconds, last_id }
