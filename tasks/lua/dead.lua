-- Ids of the dead letters, the latest first.
return redis.call('LRANGE', DEAD, 0, -1)
