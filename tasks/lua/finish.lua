-- The commit: only the live token (or, while the chord's header runs, the live launch) can make a result visible.
-- ARGV: id, authority, state, field ('result' or 'failure'), JSON, meta JSON, retention[, '1': it goes to the dead letters]
local id, authority, state = ARGV[1], ARGV[2], ARGV[3]
if authority == '' then return 'lost' end
local by_token = get(id, 'token') == authority
local by_launch = get(id, 'launch') == authority and get(id, 'stage') == 'parts' and state == 'error'
if not (by_token or by_launch) then return 'lost' end
if state == 'done' then
  -- Moving estimates: of its kind the newest job counts a fifth, so that a changed machine or model shows after a few
  -- jobs; of its pool a twentieth, as kinds take turns there and a scaler that follows them would overshoot.
  local key, took = P .. 'jobs:seconds', now() - number(id, 'body_started_at')
  for field, weight in pairs({ [get(id, 'kind')] = 0.2, [get(id, 'pool_queue')] = 0.05 }) do
    local before = tonumber(redis.call('HGET', key, field) or '') or took
    redis.call('HSET', key, field, string.format('%.4f', before + weight * (took - before)))
  end
end
close(id, state, ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]))
if ARGV[8] == '1' then bury(id) end
return 'finished'
