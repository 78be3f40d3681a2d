-- Queue a new job. ARGV: root, id, kind, queue, input, metadata, seed, priority, most queued jobs.
-- 'unready' while the records are not rebuilt after a loss; 'exists' when it was done before.
if redis.call('EXISTS', ROOT .. 'epoch') == 0 then
  return 'unready'
end
if redis.call('EXISTS', key(ID)) == 1 then
  return 'exists'
end
if redis.call('ZCARD', ROOT .. 'queue:' .. ARGV[4]) >= tonumber(ARGV[9]) then
  return 'full'
end
local at = now()
set(ID, 'id', ID, 'kind', ARGV[3], 'queue', ARGV[4], 'input', ARGV[5], 'metadata', ARGV[6], 'seed', ARGV[7],
  'priority', ARGV[8], 'created_at', at, 'order', at, 'fence', 0, 'attempt', 0, 'crashes', 0,
  'version', 0)
redis.call('ZADD', KEYS[1], 0, ID)
enqueue(ID)
change(ID, 'queued', '')
return 'created'
