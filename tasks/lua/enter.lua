-- A header task starts. Refused when its job is final or was launched anew since.
-- ARGV: id, launch, lease seconds
local id, launch = ARGV[1], ARGV[2]
if launch == '' or get(id, 'launch') ~= launch then return 'lost' end
local until_ = math.max(number(id, 'lease_until'), now() + tonumber(ARGV[3]))
set(id, 'lease_until', stamp(until_))
redis.call('HINCRBY', job_key(id), 'parts_running', 1)
look_again(id, until_)
return 'entered'
