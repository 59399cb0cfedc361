-- Shared by every script of the ledger. KEYS are built here from the job's id: the ledger needs one server, not a
-- cluster (kombu needs that too). Times are seconds of the server's clock, so that no two machines can disagree.
local P = 'darkroom:'
local OPEN = P .. 'jobs:open'
local DEAD = P .. 'jobs:dead'
local WEBHOOKS = P .. 'webhooks:due'
local METRICS = P .. 'metrics'
local FAILURES = P .. 'jobs:failures'
-- Before this file, from the settings: GRACE, HELD_LOOK and DEAD_SECONDS, JOBS_AHEAD, DEAD_MAX, FAILURES_MAX, EVENTS_MAX,
-- PREPARATION (a queue); and of metrics: COUNTED (names), JOB_BUCKETS (seconds, as texts).

local function now()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1000000
end

local function job_key(id) return P .. 'job:' .. id end
local function events_key(id) return P .. 'events:' .. id end
local function waiting_key(queue) return P .. 'jobs:waiting:' .. queue end
local function turns_key(queue) return P .. 'jobs:turns:' .. queue end
local function of_key(owner) return P .. 'jobs:of:' .. owner end
local function open_key(queue) return P .. 'jobs:open:' .. queue end
local function meta_channel(id) return 'celery-task-meta-' .. id end
local function get(id, field) return redis.call('HGET', job_key(id), field) end
local function set(id, ...) redis.call('HSET', job_key(id), ...) end
local function stamp(t) return string.format('%.6f', t) end
local function number(id, field) return tonumber(get(id, field) or 0) or 0 end

-- Fields of a record that begin with a prefix.
local function forget(id, prefix)
  for _, field in ipairs(redis.call('HKEYS', job_key(id))) do
    if string.sub(field, 1, #prefix) == prefix then redis.call('HDEL', job_key(id), field) end
  end
end

local FINAL = { done = true, error = true, cancelled = true }
-- What Celery's own clients see of a state.
local CELERY = { queued = 'PENDING', preprocessing = 'STARTED', loading = 'STARTED', processing = 'STARTED',
  done = 'SUCCESS', error = 'FAILURE', cancelled = 'REVOKED' }

local function meta(id, state, result)
  return '{"task_id":"' .. id .. '","status":"' .. CELERY[state] .. '","result":' .. (result or 'null') ..
    ',"traceback":null,"children":[]}'
end

-- A job's first event says that it waits. It is written together with its second one: a stream takes 4 KB from its first
-- entry on (STREAM_LISTPACK_MAX_PRE_ALLOCATE in Valkey's t_stream.c), more than all else of a job that waits. Until then
-- who asks is told of it as it will be written: its id, its milliseconds, its fields.
local function first_event(id)
  local at = get(id, 'created_at')
  local milliseconds = math.floor(tonumber(at) * 1000)
  return string.format('%.0f-0', milliseconds), milliseconds, { 'state', 'queued', 'progress', '0', 'step', '0',
    'total_steps', '0', 'message', '', 'preview', '', 'at', at }
end

local function is_unwritten(id) return get(id, 'state') == 'queued' and redis.call('EXISTS', events_key(id)) == 0 end

-- One entry in the job's event stream, and one wake-up for everybody who waits: the message is the task meta that a
-- Celery client expects on this channel, and the gateway only reads the channel's name.
local function emit(id)
  local key = events_key(id)
  if redis.call('EXISTS', key) == 0 then
    local first, _, fields = first_event(id)
    redis.call('XADD', key, first, unpack(fields))
  end
  local f = redis.call('HMGET', job_key(id), 'state', 'progress', 'step', 'total_steps', 'message', 'meta_result',
    'preview')
  redis.call('XADD', key, 'MAXLEN', '~', EVENTS_MAX, '*', 'state', f[1], 'progress', f[2] or '0',
    'step', f[3] or '0', 'total_steps', f[4] or '0', 'message', f[5] or '', 'preview', f[7] or '',
    'at', stamp(now()))
  redis.call('PUBLISH', meta_channel(id), meta(id, f[1], f[6]))
end

-- What happens to jobs is counted where it happens, in one hash (tasks/metrics.py).
local function operation_in(kind) return string.match(kind or '', '^[^:]+') or '' end
local function operation_of(id) return operation_in(get(id, 'kind')) end

local function count(name, ...) redis.call('HINCRBY', METRICS, table.concat({ name, ... }, '|'), 1) end

local function observe(seconds, name, ...)
  local field, bucket = table.concat({ name, ... }, '|'), 'inf'
  for _, most in ipairs(JOB_BUCKETS) do
    if seconds <= tonumber(most) then
      bucket = most
      break
    end
  end
  redis.call('HINCRBY', METRICS, field .. '|' .. bucket, 1)
  redis.call('HINCRBYFLOAT', METRICS, field .. '|sum', stamp(seconds))
end

-- The sweeper looks at the job again at this time.
local function look_again(id, at) redis.call('ZADD', OPEN, at, id) end

-- The line before a pool, and each owner's share of it. An owner's jobs set out (their opening message is pushed) a few
-- at a time: at most JOBS_AHEAD of each priority are ahead, on their way to the pool, and the others are held until
-- one of those is taken or ends. So a thousand jobs of one owner are never more than that many before another's one.
local function line_key(kind, id)
  return P .. 'jobs:' .. kind .. ':' .. get(id, 'priority') .. ':' .. get(id, 'owner')
end

local function wait_for(id)
  redis.call('ZADD', waiting_key(get(id, 'pool_queue')), get(id, 'place'), id)
end

-- A job's place in the line: priority, then turn, then arrival. Each job of an owner takes the turn after his last one,
-- but none that was served already: start-time fair queueing (Goyal, Vin, Cheng 1996) with one job as the unit.
local ARRIVALS, TURNS = 1e5, 1e9
local function take_place(id)
  local priority, turns = get(id, 'priority'), turns_key(get(id, 'pool_queue'))
  local mine = priority .. ':' .. get(id, 'owner')
  local known = redis.call('HMGET', turns, priority, mine)
  local turn = math.max(tonumber(known[1] or 0), tonumber(known[2] or 0)) + 1
  redis.call('HSET', turns, mine, turn)
  local arrival = redis.call('INCR', P .. 'jobs:arrivals') % ARRIVALS
  set(id, 'turn', turn, 'place', string.format('%.0f', (tonumber(priority) * TURNS + turn) * ARRIVALS + arrival))
  wait_for(id)
end

-- Jobs of this one's owner and priority set out, as many as may.
local function set_out(id)
  local ahead, held = line_key('ahead', id), line_key('held', id)
  while redis.call('SCARD', ahead) < JOBS_AHEAD do
    local next_id = redis.call('ZPOPMIN', held)[1]
    if not next_id then return end
    local t = now()
    redis.call('SADD', ahead, next_id)
    redis.call('LPUSH', get(next_id, 'opening_list'), get(next_id, 'opening_message'))
    redis.call('HDEL', job_key(next_id), 'opening_list', 'opening_message')
    set(next_id, 'enqueued_at', stamp(t))
    look_again(next_id, t + GRACE)
  end
end

-- The job is in the line again, on its way to the pool.
local function rejoin_line(id)
  redis.call('SADD', line_key('ahead', id), id)
  wait_for(id)
end

-- The pool has taken the job, or it ended before that: the owner's next one sets out.
local function leave_line(id)
  local ahead, queue = line_key('ahead', id), get(id, 'pool_queue')
  redis.call('ZREM', waiting_key(queue), id)
  redis.call('SREM', ahead, id)
  redis.call('ZREM', line_key('held', id), id)
  set_out(id)
  if redis.call('SCARD', ahead) == 0 then
    redis.call('HDEL', turns_key(queue), get(id, 'priority') .. ':' .. get(id, 'owner'))
  end
end

-- What a client asked for under a key of its own choice: the request's digest, then the job that came of it, if any.
local function recall(key)
  local text = redis.call('GET', key)
  if text then return string.match(text, '^(%S+) (.*)$') end
end

local function remember(key, digest, id, seconds) redis.call('SET', key, digest .. ' ' .. id, 'EX', seconds) end

-- The open jobs that each pool has to work on, in flight or later: what machines are kept for.
local function to_prepare(id) redis.call('SADD', open_key(PREPARATION), id) end
local function is_prepared(id) redis.call('SREM', open_key(PREPARATION), id) end

-- Its conditions are there: the job waits for its pool. What is made again after a loss is timed the first time.
local function wait_for_pool(id, t)
  is_prepared(id)
  if redis.call('HSETNX', job_key(id), 'prepared_at', stamp(t)) == 1 then
    observe(t - number(id, 'created_at'), COUNTED.JOB_STAGE_SECONDS, operation_of(id), 'preparation')
  end
end

-- A job has ended: one more of its kind, and what went wrong for somebody who looks.
local function count_end(id, t, state, failure)
  local operation = operation_of(id)
  count(COUNTED.JOBS_FINISHED, operation, state)
  if state == 'done' then observe(t - number(id, 'created_at'), COUNTED.JOB_SECONDS, operation) end
  if state ~= 'error' then return end
  local code = cjson.decode(failure).code
  count(COUNTED.JOB_ERRORS, operation, code)
  redis.call('LPUSH', FAILURES, cjson.encode({ id = id, operation = operation, code = code, at = t,
    worker = get(id, 'worker') or '' }))
  redis.call('LTRIM', FAILURES, 0, FAILURES_MAX - 1)
end

-- The only way into a final state. meta_result: JSON of what a Celery client gets as the result.
local function close(id, state, field, json, meta_result, retention)
  local t = now()
  set(id, 'state', state, 'finished_at', stamp(t), 'lease_until', '0', 'token', '', 'launch', '',
    'meta_result', meta_result, field, json, 'message', '', 'preview', '')
  if state == 'done' then set(id, 'progress', '1') end
  redis.call('ZREM', OPEN, id)
  redis.call('SREM', of_key(get(id, 'owner')), id)
  redis.call('SREM', open_key(get(id, 'pool_queue')), id)
  is_prepared(id)
  leave_line(id)
  count_end(id, t, state, json)
  if (get(id, 'webhook') or '') ~= '' then redis.call('ZADD', WEBHOOKS, t, id) end
  emit(id)
  redis.call('EXPIRE', job_key(id), retention)
  redis.call('EXPIRE', events_key(id), retention)
end

-- A dead letter's record lives as long as its images: it can be tried again.
local function bury(id)
  redis.call('EXPIRE', job_key(id), DEAD_SECONDS)
  redis.call('LPUSH', DEAD, id)
  redis.call('LTRIM', DEAD, 0, DEAD_MAX - 1)
end
