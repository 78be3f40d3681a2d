-- Extend the lease and record what happened. ARGV: root, id, fence, lease in ms, number of the first
-- note or '', then groups of four: event type or '', its data, field of the job or '', its value.
-- A numbered note that was recorded before is passed over. Answers ok, cancel, pause or lost, then what is asked.
if not owns(ID, ARGV[3]) then
  return {'lost'}
end
local at = now()
redis.call('ZADD', LEASES, at + tonumber(ARGV[4]), ID)
set(ID, 'heartbeat_at', at)

-- The newest checkpoint; a job that advances has its crashes forgiven.
local function commit(data)
  local before = tonumber(get(ID, 'committed_step') or -1)
  local step = tonumber(cjson.decode(data).step)
  if step >= before then
    set(ID, 'committed', data, 'committed_step', step)
  end
  if step > before then
    set(ID, 'crashes', 0)
  end
end

local number, noted = tonumber(ARGV[5]), tonumber(get(ID, 'noted') or -1)
for first = 6, #ARGV, 4 do
  local kind, data, field, value = ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 3]
  if not number or number > noted then
    if field ~= '' then
      set(ID, field, value)
    end
    if kind == 'checkpoint' then
      commit(data)
    end
    if kind ~= '' then
      redis.call('HDEL', key(ID), 'ask:' .. kind)
      emit(ID, kind, data)
    end
    noted = number or noted
  end
  number = number and number + 1
end
if #ARGV >= 6 then
  redis.call('HINCRBY', key(ID), 'version', 1)
  set(ID, 'noted', noted)
end
local state = get(ID, 'state')
local answer = {state == 'cancelling' and 'cancel' or state == 'pausing' and 'pause' or 'ok'}
for _, word in ipairs({'checkpoint', 'sample'}) do
  if get(ID, 'ask:' .. word) then
    answer[#answer + 1] = word
  end
end
return answer
