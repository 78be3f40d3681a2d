-- Shared by all job scripts. KEYS[1] job hash, KEYS[2] its events, KEYS[3] queue, KEYS[4] leases.
-- Time is the server's; every change of state adds one to `version`, a line to `history` and an event.
local TERMINAL = {succeeded = true, failed = true, cancelled = true}
local OWNED = {running = true, cancelling = true, pausing = true}

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function emit(events, kind, data)
  redis.call('XADD', events, 'MAXLEN', '~', 10000, '*', 'type', kind, 'data', data)
end

local function change(job, events, state, reason)
  local at = now()
  local history = cjson.decode(redis.call('HGET', job, 'history') or '[]')
  if #history < 200 then
    history[#history + 1] = {state = state, at = at, reason = reason ~= '' and reason or nil}
  end
  local version = redis.call('HINCRBY', job, 'version', 1)
  redis.call('HSET', job, 'state', state, 'reason', reason, 'history', cjson.encode(history))
  emit(events, 'state', cjson.encode({state = state, version = version, reason = reason}))
  if TERMINAL[state] then
    redis.call('HSET', job, 'finished_at', at)
    emit(events, 'done', cjson.encode({state = state, version = version}))
  end
end

-- Give up the lease: cancelled when that was asked for, failed after the last attempt, else queued again.
local function settle(id, job, events, queue, leases, reason, crashed, max_attempts, error)
  redis.call('ZREM', leases, id)
  if redis.call('HGET', job, 'state') == 'cancelling' then
    return change(job, events, 'cancelled', reason)
  end
  if not crashed then
    redis.call('HINCRBY', job, 'attempt', -1)
  elseif tonumber(redis.call('HGET', job, 'attempt')) >= max_attempts then
    redis.call('HSET', job, 'error', error)
    return change(job, events, 'failed', reason)
  end
  redis.call('ZADD', queue, redis.call('HGET', job, 'order'), id)
  redis.call('HSET', job, 'queued_at', now())
  change(job, events, 'recovering', reason)
end

local function owns(job, fence)
  return redis.call('HGET', job, 'fence') == fence and OWNED[redis.call('HGET', job, 'state')]
end
