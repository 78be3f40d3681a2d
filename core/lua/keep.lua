-- Keeps finished images, and drops those that were not asked for longest while there are too many.
-- KEYS: the index (when each was used), the sum of bytes, then one for each image.
-- ARGV: the root of their keys, the most bytes, then for each image its ETag and its bytes.
local index, total, most = KEYS[1], KEYS[2], tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
for i = 3, #KEYS do
  local etag, bytes = ARGV[2 * i - 3], ARGV[2 * i - 2]
  if redis.call('SET', KEYS[i], bytes, 'NX') then
    redis.call('INCRBY', total, #bytes)
  end
  redis.call('ZADD', index, now, etag)
end
local sum = tonumber(redis.call('GET', total) or '0')
while sum > most do
  local oldest = redis.call('ZPOPMIN', index)
  if #oldest == 0 then
    sum = 0
    break
  end
  local key = ARGV[1] .. oldest[1]
  sum = redis.call('DECRBY', total, redis.call('STRLEN', key))
  redis.call('DEL', key)
end
if sum == 0 then
  redis.call('DEL', total)
end
return sum
