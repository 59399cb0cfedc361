-- What a task that is no job answers, kept for whoever asks and told to whoever waits. A job's outcome is the job's: what
-- Celery says of it by itself is dropped. So is what comes after a success.
-- ARGV: id, task meta JSON, seconds
local key = meta_channel(ARGV[1])
if redis.call('EXISTS', job_key(ARGV[1])) == 1 then return 'job' end
local before = redis.call('GET', key)
if before and cjson.decode(before).status == 'SUCCESS' then return 'known' end
redis.call('SETEX', key, ARGV[3], ARGV[2])
redis.call('PUBLISH', key, ARGV[2])
return 'stored'
