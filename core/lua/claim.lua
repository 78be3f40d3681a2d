-- Take the first job of the queue. KEYS[1] queue, KEYS[2] leases.
-- ARGV: key prefix of jobs, owner, lease in ms.
while true do
  local id = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not id then
    return false
  end
  redis.call('ZREM', KEYS[1], id)
  local job = ARGV[1] .. id
  local state = redis.call('HGET', job, 'state')
  if state == 'queued' or state == 'recovering' then
    local fence = redis.call('HINCRBY', job, 'fence', 1)
    local attempt = redis.call('HINCRBY', job, 'attempt', 1)
    local at = now()
    redis.call('ZADD', KEYS[2], at + tonumber(ARGV[3]), id)
    redis.call('HSETNX', job, 'started_at', at)
    redis.call('HSET', job, 'worker', ARGV[2], 'heartbeat_at', at)
    change(job, job .. ':events', 'running', '')
    return {id, tostring(fence), tostring(attempt)}
  end
end
