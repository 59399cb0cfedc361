-- The job's message still waits in its queue: look again later.
-- ARGV: id, enqueued_at as seen
local id = ARGV[1]
if get(id, 'enqueued_at') == ARGV[2] and redis.call('ZSCORE', OPEN, id) then look_again(id, now() + (get(id, 'opening_message') and HELD_LOOK or GRACE)) end
return 'postponed'
