-- What a client asks of a job. ARGV: root, id, cancel | pause | resume | checkpoint | sample.
-- Answers the state before and after, and 1 when the state allows the action.
local before, word = get(ID, 'state'), ARGV[3]
if not before then
  return {'', '', 0}
end
local idle = WAITING[before] or before == 'paused'

local actions = {
  cancel = function()
    if before == 'running' or before == 'pausing' then
      change(ID, 'cancelling', 'requested')
    elseif idle then
      retire(ID, 'requested')
    end
    return before ~= 'succeeded' and before ~= 'failed'
  end,
  pause = function()
    if before == 'running' then
      change(ID, 'pausing', 'requested')
    elseif WAITING[before] then
      redis.call('ZREM', queue(ID), ID)
      change(ID, 'paused', 'requested')
    end
    return idle or before == 'running' or before == 'pausing'
  end,
  resume = function()
    if before == 'paused' then
      enqueue(ID)
      change(ID, 'queued', 'resumed')
    elseif before == 'pausing' then
      change(ID, 'running', 'resumed')
    end
    return idle or before == 'running' or before == 'pausing'
  end,
  checkpoint = function()
    if before == 'running' then
      set(ID, 'ask:checkpoint', 1)
    end
    return before == 'running'
  end,
}
actions.sample = function()
  if before == 'running' then
    set(ID, 'ask:sample', 1)
  end
  return before == 'running'
end

local allowed = actions[word]()
if not allowed then
  count('illegal_transition')
end
return {before, get(ID, 'state'), allowed and 1 or 0}
