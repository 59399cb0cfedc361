-- At once and for good, in every state that is not final. Whoever works on the job learns it at the next renewal.
-- ARGV: id, meta JSON, retention
local id = ARGV[1]
local state = get(id, 'state')
if not state then return 'unknown' end
if FINAL[state] then return state end
close(id, 'cancelled', 'failure', '', ARGV[2], tonumber(ARGV[3]))
return 'cancelled'
