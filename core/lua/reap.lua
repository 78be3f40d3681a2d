-- Free the jobs whose lease ran out. KEYS[1] leases. ARGV: key prefix of jobs, key prefix of queues,
-- most attempts, error of the last attempt, then pairs of kind and queue. Answers how many.
local queue_of = {}
for first = 5, #ARGV, 2 do
  queue_of[ARGV[first]] = ARGV[2] .. ARGV[first + 1]
end
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now())
for _, id in ipairs(expired) do
  local job = ARGV[1] .. id
  local state = redis.call('HGET', job, 'state')
  if state and OWNED[state] then
    local queue = queue_of[redis.call('HGET', job, 'kind')]
    settle(id, job, job .. ':events', queue, KEYS[1], 'worker lost', true, tonumber(ARGV[3]), ARGV[4])
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return #expired
