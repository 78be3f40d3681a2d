-- Take the first job of a queue. ARGV: root, '', queue, owner, lease in ms.
local waiting = ROOT .. 'queue:' .. ARGV[3]
while true do
  local id = redis.call('ZRANGE', waiting, 0, 0)[1]
  if not id then
    return false
  end
  redis.call('ZREM', waiting, id)
  local state = get(id, 'state')
  if (WAITING[state] or state == 'cancelling') and not leased(id) then
    local fence = redis.call('HINCRBY', key(id), 'fence', 1)
    local attempt = redis.call('HINCRBY', key(id), 'attempt', 1)
    local at = now()
    redis.call('ZADD', LEASES, at + tonumber(ARGV[5]), id)
    redis.call('HSETNX', key(id), 'started_at', at)
    redis.call('HDEL', key(id), 'noted')
    set(id, 'worker', ARGV[4], 'heartbeat_at', at)
    if state ~= 'cancelling' then
      change(id, 'running', '')
    end
    return {id, tostring(fence), tostring(attempt), get(id, 'shrink') or '0', get(id, 'version')}
  end
end
