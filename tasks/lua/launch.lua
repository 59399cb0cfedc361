-- The opening attempt hands the job over to a chord, before it publishes that chord; without parts, to the body alone.
-- ARGV: id, token, launch (the chord's group id), number of parts, then role, image id, … known already
local id, token, launch = ARGV[1], ARGV[2], ARGV[3]
if get(id, 'launch') == launch then return 'launched' end -- the same call again, after a lost answer
if token == '' or get(id, 'token') ~= token or get(id, 'stage') ~= 'opening' then return 'lost' end
local t = now()
forget(id, 'part:')
set(id, 'stage', ARGV[4] == '0' and 'body' or 'parts', 'launch', launch, 'parts_left', ARGV[4], 'parts_running', '0', 'token', '', 'lease_until', '0', 'attempts', '0',
  'enqueued_at', stamp(t))
for i = 5, #ARGV, 2 do set(id, 'part:' .. ARGV[i], ARGV[i + 1]) end
if ARGV[4] == '0' then wait_for_pool(id, t) end
look_again(id, t + GRACE)
return 'launched'
