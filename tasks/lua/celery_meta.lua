-- What a Celery client sees of a job, as JSON; false if there is no such job.
-- ARGV: id
local f = redis.call('HMGET', job_key(ARGV[1]), 'state', 'meta_result')
if not f[1] then return false end
return meta(ARGV[1], f[1], f[2])
