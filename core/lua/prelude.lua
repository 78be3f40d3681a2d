-- Shared by all job scripts. KEYS[1] the index of jobs; ARGV[1] the root of all our keys, ARGV[2] the
-- job's id or ''. One node holds everything (one hash tag), so the scripts build the other names.
-- Time is the server's; every change of state adds one to `version`, a line to `history`, an event.
local ROOT, ID = ARGV[1], ARGV[2]
local LEASES, UNSAVED, COUNTS = ROOT .. 'leases', ROOT .. 'unsaved', ROOT .. 'counts'
local SALVAGE = ROOT .. 'queue:prepare'
local TERMINAL = {succeeded = true, failed = true, cancelled = true}
local WAITING = {queued = true, recovering = true}
local STEP = 1e13 -- of the order of the queue, for one step of priority: more than any time in ms
local MOST_HISTORY, EVENTS_KEPT, EVENTS_LEFT = 200, 10000, 1000
-- Events that stand also in the one stream of all jobs: those that are not too many.
local TOLD = {state = true, progress = true, phase = true, sample = true, checkpoint = true,
  alarm = true, priority = true, done = true}

local function key(id)
  return ROOT .. 'job:' .. id
end

local function get(id, field)
  return redis.call('HGET', key(id), field)
end

local function set(id, ...)
  redis.call('HSET', key(id), ...)
end

local function queue(id)
  return ROOT .. 'queue:' .. (get(id, 'queue') or 'train')
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function count(name)
  redis.call('HINCRBY', COUNTS, name, 1)
end

local function emit(id, kind, data)
  redis.call('XADD', key(id) .. ':events', 'MAXLEN', '~', EVENTS_KEPT, '*', 'type', kind, 'data', data)
  if TOLD[kind] then
    redis.call('XADD', ROOT .. 'events', 'MAXLEN', '~', EVENTS_KEPT, '*', 'job', id, 'type', kind, 'data', data)
  end
end

local function change(id, state, reason)
  local at = now()
  local history = cjson.decode(get(id, 'history') or '[]')
  if #history >= MOST_HISTORY then
    table.remove(history, 2)
  end
  history[#history + 1] = {state = state, at = at, reason = reason ~= '' and reason or nil}
  local version = redis.call('HINCRBY', key(id), 'version', 1)
  set(id, 'state', state, 'reason', reason, 'history', cjson.encode(history))
  emit(id, 'state', cjson.encode({state = state, version = version, reason = reason}))
  if TERMINAL[state] then
    set(id, 'finished_at', at)
    redis.call('HDEL', key(id), 'ask:checkpoint', 'ask:sample')
    emit(id, 'done', cjson.encode({state = state, version = version}))
    redis.call('XTRIM', key(id) .. ':events', 'MAXLEN', '~', EVENTS_LEFT)
    redis.call('SADD', UNSAVED, id)
  end
end

-- Put a job in its place: by priority, then in the order of creation.
local function enqueue(id)
  local place = tonumber(get(id, 'order')) - tonumber(get(id, 'priority') or 0) * STEP
  redis.call('ZADD', queue(id), string.format('%.0f', place), id)
  set(id, 'queued_at', now())
end

local function leased(id)
  return redis.call('ZSCORE', LEASES, id)
end

-- Whether `fence` is the newest and its lease is still there; a refusal is counted.
local function owns(id, fence)
  if get(id, 'fence') == fence and leased(id) then
    return true
  end
  count('stale_fence')
  return false
end

-- End a job that nobody works on. What it committed is made a model by a prepare worker first.
local function retire(id, reason)
  redis.call('ZREM', queue(id), id)
  if get(id, 'committed') then
    redis.call('ZADD', SALVAGE, 0, id)
    if get(id, 'state') ~= 'cancelling' then
      change(id, 'cancelling', reason)
    end
  else
    change(id, 'cancelled', reason)
  end
end

-- Give up the lease. how: 'planned', 'crash', or 'shrink' (a crash that asks for a smaller batch).
local function settle(id, how, reason, most_crashes, error)
  redis.call('ZREM', LEASES, id)
  local state, crashes = get(id, 'state'), 0
  if how == 'planned' then
    redis.call('HINCRBY', key(id), 'attempt', -1)
  else
    crashes = redis.call('HINCRBY', key(id), 'crashes', 1)
  end
  if how == 'shrink' then
    redis.call('HINCRBY', key(id), 'shrink', 1)
  end
  if state == 'cancelling' then
    if crashes >= most_crashes then
      return change(id, 'cancelled', reason)
    end
    return retire(id, reason)
  end
  if crashes >= most_crashes then
    set(id, 'error', error)
    return change(id, 'failed', reason)
  end
  if state == 'pausing' then
    return change(id, 'paused', reason)
  end
  enqueue(id)
  change(id, 'recovering', reason)
end
