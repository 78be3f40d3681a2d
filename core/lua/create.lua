-- KEYS[5] index of all jobs, KEYS[6] idempotency record.
-- ARGV: id, kind, input, metadata, seed, digest of the idempotent body or '', most queued jobs.
if ARGV[6] ~= '' then
  local known = redis.call('HMGET', KEYS[6], 'digest', 'id')
  if known[1] then
    return {known[1] == ARGV[6] and 'replayed' or 'mismatch', known[2]}
  end
end
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[7]) then
  return {'full', ARGV[1]}
end
local at = now()
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'kind', ARGV[2], 'input', ARGV[3], 'metadata', ARGV[4],
  'seed', ARGV[5], 'created_at', at, 'queued_at', at, 'order', at, 'fence', 0, 'attempt', 0,
  'version', 0)
redis.call('ZADD', KEYS[5], 0, ARGV[1])
redis.call('ZADD', KEYS[3], at, ARGV[1])
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[6], 'digest', ARGV[6], 'id', ARGV[1])
  redis.call('EXPIRE', KEYS[6], 86400)
end
change(KEYS[1], KEYS[2], 'queued', '')
return {'created', ARGV[1]}
