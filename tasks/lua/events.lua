-- Entries of the job's event stream after an id.
-- ARGV: id, last id seen ('0-0' for all)
return redis.call('XRANGE', events_key(ARGV[1]), '(' .. ARGV[2], '+')
