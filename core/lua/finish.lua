-- End the job. ARGV: id, fence, terminal state, reason, output or '', error or ''.
-- Saying the same again is a no-op; a stale fence is refused.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then
  return 'lost'
end
if not owns(KEYS[1], ARGV[2]) then
  return redis.call('HGET', KEYS[1], 'state') == ARGV[3] and 'ok' or 'lost'
end
redis.call('ZREM', KEYS[4], ARGV[1])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'output', ARGV[5])
end
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'error', ARGV[6])
end
change(KEYS[1], KEYS[2], ARGV[3], ARGV[4])
return 'ok'
