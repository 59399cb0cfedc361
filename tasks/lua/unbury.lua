-- A dead letter was dealt with.
-- ARGV: id
return redis.call('LREM', DEAD, 0, ARGV[1])
