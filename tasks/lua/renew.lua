-- The holder is alive; with progress fields it also tells how far it is. The answer tells a holder that lost the job.
-- Progress never goes back, also when a second attempt starts over.
-- ARGV: id, token, lease seconds[, progress, step, total steps, message, preview's image id or '']
local id, token, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
if token == '' or get(id, 'token') ~= token then return get(id, 'state') == 'cancelled' and 'cancelled' or 'lost' end
local t = now()
set(id, 'lease_until', stamp(t + lease))
look_again(id, t + lease)
if ARGV[4] then
  local progress = math.max(tonumber(ARGV[4]), number(id, 'progress'))
  set(id, 'progress', string.format('%.4f', progress), 'step', ARGV[5], 'total_steps', ARGV[6], 'message', ARGV[7],
    'preview', ARGV[8])
  emit(id)
end
return 'renewed'
