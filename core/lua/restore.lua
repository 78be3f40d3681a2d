-- Bring a job back that is on disk only. ARGV: root, id, state, reason, then fields and values.
-- Those of an ended job are its whole record. Answers 1 when it was missing.
if redis.call('EXISTS', key(ID)) == 1 then
  return 0
end
local state, reason = ARGV[3], ARGV[4]
for first = 5, #ARGV, 2 do
  set(ID, ARGV[first], ARGV[first + 1])
end
if not TERMINAL[state] then -- higher than any before, also than those that the disk does not know
  set(ID, 'fence', math.max(tonumber(get(ID, 'fence')), now()))
  -- A job changes more than once a millisecond, but not a microsecond.
  set(ID, 'version', math.max(tonumber(get(ID, 'version')), 1000 * now()))
end
redis.call('ZADD', KEYS[1], 0, ID)
count('restored')
if TERMINAL[state] then
  emit(ID, 'done', cjson.encode({state = state, version = tonumber(get(ID, 'version'))}))
elseif state == 'cancelling' then
  retire(ID, reason)
else
  if WAITING[state] then
    enqueue(ID)
  end
  change(ID, state, reason)
end
return 1
