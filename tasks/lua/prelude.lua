-- Shared by every script of the ledger. KEYS are built here from the job's id: the ledger needs one server, not a
-- cluster (kombu needs that too). Times are seconds of the server's clock, so that no two machines can disagree.
local P = 'darkroom:'
local OPEN = P .. 'jobs:open'
local DEAD = P .. 'jobs:dead'
local WEBHOOKS = P .. 'webhooks:due'
local DEAD_MAX = 1000
local EVENTS_MAX = 200

local function now()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1000000
end

local function job_key(id) return P .. 'job:' .. id end
local function events_key(id) return P .. 'events:' .. id end
local function waiting_key(queue) return P .. 'jobs:waiting:' .. queue end
local function meta_channel(id) return 'celery-task-meta-' .. id end
local function get(id, field) return redis.call('HGET', job_key(id), field) end
local function set(id, ...) redis.call('HSET', job_key(id), ...) end
local function stamp(t) return string.format('%.6f', t) end
local function number(id, field) return tonumber(get(id, field) or 0) or 0 end

local FINAL = { done = true, error = true, cancelled = true }
-- What Celery's own clients see of a state.
local CELERY = { queued = 'PENDING', preprocessing = 'STARTED', loading = 'STARTED', processing = 'STARTED',
  done = 'SUCCESS', error = 'FAILURE', cancelled = 'REVOKED' }

local function meta(id, state, result)
  return '{"task_id":"' .. id .. '","status":"' .. CELERY[state] .. '","result":' .. (result or 'null') ..
    ',"traceback":null,"children":[]}'
end

-- One entry in the job's event stream, and one wake-up for everybody who waits: the message is the task meta that a
-- Celery client expects on this channel, and the gateway only reads the channel's name.
local function emit(id)
  local f = redis.call('HMGET', job_key(id), 'state', 'progress', 'step', 'total_steps', 'message', 'meta_result',
    'preview')
  redis.call('XADD', events_key(id), 'MAXLEN', '~', EVENTS_MAX, '*', 'state', f[1], 'progress', f[2] or '0',
    'step', f[3] or '0', 'total_steps', f[4] or '0', 'message', f[5] or '', 'preview', f[7] or '',
    'at', stamp(now()))
  redis.call('PUBLISH', meta_channel(id), meta(id, f[1], f[6]))
end

-- The sweeper looks at the job again at this time.
local function look_again(id, at) redis.call('ZADD', OPEN, at, id) end

-- Position among the jobs that wait for a pool: priority first, then age.
local function wait_for(id, queue)
  redis.call('ZADD', waiting_key(queue), number(id, 'priority') * 1e11 + number(id, 'created_at'), id)
end

local function stop_waiting(id) redis.call('ZREM', waiting_key(get(id, 'pool_queue')), id) end

-- The only way into a final state. meta_result: JSON of what a Celery client gets as the result.
local function close(id, state, field, json, meta_result, retention)
  local t = now()
  set(id, 'state', state, 'finished_at', stamp(t), 'lease_until', '0', 'token', '', 'launch', '',
    'meta_result', meta_result, field, json, 'message', '', 'preview', '')
  if state == 'done' then set(id, 'progress', '1') end
  redis.call('ZREM', OPEN, id)
  stop_waiting(id)
  if (get(id, 'webhook') or '') ~= '' then redis.call('ZADD', WEBHOOKS, t, id) end
  emit(id)
  redis.call('EXPIRE', job_key(id), retention)
  redis.call('EXPIRE', events_key(id), retention)
end

local function bury(id)
  redis.call('LPUSH', DEAD, id)
  redis.call('LTRIM', DEAD, 0, DEAD_MAX - 1)
end
