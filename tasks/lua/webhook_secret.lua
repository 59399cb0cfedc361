-- An owner's signing secret, made when it is first needed. Rotated ones go on signing beside it for a while: a rotation
-- that was repeated, as its answer was lost, must not end the one that the receivers have.
-- ARGV: owner, a new secret, '1' to rotate, seconds that the old one goes on, how many older ones are kept
-- Returns { secret, older one, until, next older one, until, … }
local key, fresh, t, most = P .. 'webhooks:secrets', ARGV[2], now(), tonumber(ARGV[5])
local text = redis.call('HGET', key, ARGV[1])
local kept = text and cjson.decode(text) or { current = fresh, older = {} }
local older = {}
if ARGV[3] == '1' and kept.current ~= fresh then
  older[1] = { secret = kept.current, ['until'] = math.floor(t + tonumber(ARGV[4])) }
  kept.current = fresh
end
for _, each in ipairs(kept.older) do
  if each['until'] > t and #older < most then older[#older + 1] = each end
end
redis.call('HSET', key, ARGV[1], cjson.encode({ current = kept.current, older = older }))
local reply = { kept.current }
for _, each in ipairs(older) do
  reply[#reply + 1] = each.secret
  reply[#reply + 1] = each['until']
end
return reply
