-- End the job. ARGV: root, id, fence, terminal state, reason, output or '', error or ''.
-- Saying the same again is a no-op; a stale fence is refused.
if get(ID, 'fence') == ARGV[3] and get(ID, 'state') == ARGV[4] then
  return 'ok'
end
if not owns(ID, ARGV[3]) then
  return 'lost'
end
redis.call('ZREM', LEASES, ID)
if ARGV[6] ~= '' then
  set(ID, 'output', ARGV[6])
end
if ARGV[7] ~= '' then
  set(ID, 'error', ARGV[7])
end
change(ID, ARGV[4], ARGV[5])
return 'ok'
