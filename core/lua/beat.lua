-- Extend the lease and record what happened. ARGV: id, fence, lease in ms, then groups of four:
-- event type or '', its data, field of the job or '', its value. Answers ok, cancel, pause or lost.
if not owns(KEYS[1], ARGV[2]) then
  return 'lost'
end
local at = now()
redis.call('ZADD', KEYS[4], at + tonumber(ARGV[3]), ARGV[1])
redis.call('HSET', KEYS[1], 'heartbeat_at', at)
for first = 4, #ARGV, 4 do
  if ARGV[first + 2] ~= '' then
    redis.call('HSET', KEYS[1], ARGV[first + 2], ARGV[first + 3])
  end
  if ARGV[first] ~= '' then
    emit(KEYS[2], ARGV[first], ARGV[first + 1])
  end
end
if #ARGV >= 4 then
  redis.call('HINCRBY', KEYS[1], 'version', 1)
end
local state = redis.call('HGET', KEYS[1], 'state')
return state == 'cancelling' and 'cancel' or state == 'pausing' and 'pause' or 'ok'
