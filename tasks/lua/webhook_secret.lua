-- An owner's signing secret, made when it is first needed. A rotated one goes on signing beside the new one for a while.
-- ARGV: owner, a new secret, '1' to rotate, seconds that the old one goes on. Returns { secret, older one or '' , until }
local key, owner, fresh, t = P .. 'webhooks:secrets', ARGV[1], ARGV[2], now()
local text = redis.call('HGET', key, owner)
local kept = text and cjson.decode(text) or { current = fresh }
if text and ARGV[3] == '1' and kept.current ~= fresh then
  kept = { current = fresh, previous = kept.current, previous_until = math.floor(t + tonumber(ARGV[4])) }
end
redis.call('HSET', key, owner, cjson.encode(kept))
if (kept.previous_until or 0) <= t then return { kept.current, '', '0' } end
return { kept.current, kept.previous, string.format('%d', kept.previous_until) }
