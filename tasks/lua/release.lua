-- A draining worker gives its job back: to the front of its queue, and the attempt does not count.
-- ARGV: id, token, list key, message
local id, token = ARGV[1], ARGV[2]
if token == '' or get(id, 'token') ~= token then return 'lost' end
local t = now()
set(id, 'state', 'queued', 'token', '', 'worker', '', 'lease_until', '0', 'attempts', number(id, 'attempts') - 1,
  'enqueued_at', stamp(t))
look_again(id, t + GRACE)
rejoin_line(id)
redis.call('RPUSH', ARGV[3], ARGV[4])
emit(id)
return 'released'
