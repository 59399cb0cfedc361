-- What a client asked for before under this key: { digest of the request, id of its job or '' }; false if nothing, or
-- if that job's record is gone.
-- With a digest, an unknown key is remembered for it.
-- ARGV: key[, digest, seconds to live]
local asked, job = recall(ARGV[1])
if asked and (job == '' or redis.call('EXISTS', job_key(job)) == 1) then return { asked, job } end
if ARGV[2] then remember(ARGV[1], ARGV[2], '', ARGV[3]) end
return false
