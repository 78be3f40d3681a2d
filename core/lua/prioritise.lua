-- Move a job in its queue. ARGV: root, id, priority. Answers the state, and 1 when it is not over.
local state = get(ID, 'state')
if not state or TERMINAL[state] then
  return {state or '', 0}
end
set(ID, 'priority', ARGV[3])
redis.call('HINCRBY', key(ID), 'version', 1)
emit(ID, 'priority', cjson.encode({priority = tonumber(ARGV[3])}))
if redis.call('ZSCORE', queue(ID), ID) then
  enqueue(ID)
end
return {state, 1}
