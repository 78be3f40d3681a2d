-- Free the jobs whose lease ran out. ARGV: root, '', most crashes, error of the last. Answers how many.
local expired = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now())
for _, id in ipairs(expired) do
  local state = get(id, 'state')
  if state and not TERMINAL[state] then
    count('leases_expired')
    settle(id, 'crash', 'worker lost', tonumber(ARGV[3]), ARGV[4])
  else
    redis.call('ZREM', LEASES, id)
  end
end
return #expired
