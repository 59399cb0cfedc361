-- Entries of the job's event stream after an id.
-- ARGV: id, last id seen ('0-0' for all)
local id, after = ARGV[1], ARGV[2]
local entries = redis.call('XRANGE', events_key(id), '(' .. after, '+')
if #entries == 0 and is_unwritten(id) then
  local first, milliseconds, fields = first_event(id)
  if tonumber(string.match(after, '^%d+')) < milliseconds then return { { first, fields } } end
end
return entries
