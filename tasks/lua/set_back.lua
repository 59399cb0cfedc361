-- What the job needs is away (its image store, the broker's memory): the attempt ends without blame, and the job is
-- taken up again after a pause, twice as long each time. After the last one allowed it fails with what was missing.
-- ARGV: id, authority, seconds of the first pause, setbacks allowed, failure JSON, failure meta JSON, retention
local id, authority = ARGV[1], ARGV[2]
if authority == '' then return 'lost' end
local by_token = get(id, 'token') == authority
local by_launch = get(id, 'launch') == authority and get(id, 'stage') == 'parts'
if not (by_token or by_launch) then return 'lost' end
local setbacks = redis.call('HINCRBY', job_key(id), 'setbacks', 1)
if setbacks > tonumber(ARGV[4]) then
  close(id, 'error', 'failure', ARGV[5], ARGV[6], tonumber(ARGV[7]))
  return 'finished'
end
local resumes = now() + tonumber(ARGV[3]) * 2 ^ (setbacks - 1)
if by_launch then
  forget(id, 'starts:') -- the part has come to an end, if not to a good one
  set(id, 'stage', 'opening', 'launch', '', 'attempts', '0')
else
  set(id, 'attempts', number(id, 'attempts') - 1)
end
-- Nobody holds it until then; as for a lease that lapses, the sweeper sends its message.
set(id, 'state', 'queued', 'token', '', 'worker', '', 'lease_until', stamp(resumes))
look_again(id, resumes)
rejoin_line(id)
emit(id)
return 'set_back'
