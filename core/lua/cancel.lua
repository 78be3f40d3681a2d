-- Ask for the end of a job. ARGV: id. Answers the state before and after.
local before = redis.call('HGET', KEYS[1], 'state')
if not before then
  return {'', ''}
end
if before == 'running' or before == 'pausing' then
  change(KEYS[1], KEYS[2], 'cancelling', 'requested')
elseif not TERMINAL[before] and before ~= 'cancelling' then
  redis.call('ZREM', KEYS[3], ARGV[1])
  change(KEYS[1], KEYS[2], 'cancelled', 'requested')
end
return {before, redis.call('HGET', KEYS[1], 'state')}
