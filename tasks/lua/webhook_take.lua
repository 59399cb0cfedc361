-- Webhooks whose next attempt is due. The free places are dealt out in turns among the owners, oldest first, so that a
-- receiver that keeps many waiting does not hold up the others. A taken one is due again after the lease, unless it is
-- settled before: a message that is lost costs a lease.
-- ARGV: places, lease, how many due ones to look at. Returns { ids, ids whose record has expired }
local places, t = tonumber(ARGV[1]), now()
local taken, expired, owners, lines = {}, {}, {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', WEBHOOKS, '-inf', t, 'LIMIT', 0, ARGV[3])) do
  local owner = get(id, 'owner')
  if not owner then
    redis.call('ZREM', WEBHOOKS, id)
    expired[#expired + 1] = id
  else
    if not lines[owner] then
      lines[owner] = {}
      owners[#owners + 1] = owner
    end
    table.insert(lines[owner], id)
  end
end
local turn, dealt = 1, true
while dealt and #taken < places do
  dealt = false
  for _, owner in ipairs(owners) do
    local id = lines[owner][turn]
    if id and #taken < places then
      redis.call('ZADD', WEBHOOKS, t + tonumber(ARGV[2]), id)
      taken[#taken + 1] = id
      dealt = true
    end
  end
  turn = turn + 1
end
return { taken, expired }
