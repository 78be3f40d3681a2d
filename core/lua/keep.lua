-- Answers with images and keeps them: one transmission for both. Those that were not asked for
-- longest go while there are too many.
-- KEYS: the index (when each was used), the sum of bytes, the list that awaits the answer.
-- ARGV: the root of the images' keys, the most bytes, the most bytes of one image, the seconds for
-- which the answer is good, its head (empty: there is none), then for each image the name under
-- which it is kept (empty: it is not) and its bytes.
local index, total, reply = KEYS[1], KEYS[2], KEYS[3]
local root, most, largest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local first = 6
if ARGV[5] ~= '' then
  local parts = { ARGV[5] }
  for i = first + 1, #ARGV, 2 do
    parts[#parts + 1] = ARGV[i]
  end
  redis.call('RPUSH', reply, table.concat(parts))
  redis.call('EXPIRE', reply, ARGV[4])
end
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
for i = first, #ARGV, 2 do
  local name, bytes = ARGV[i], ARGV[i + 1]
  if name ~= '' and #bytes <= largest then
    if redis.call('SET', root .. name, bytes, 'NX') then
      redis.call('INCRBY', total, #bytes)
    end
    redis.call('ZADD', index, now, name)
  end
end
local sum = tonumber(redis.call('GET', total) or '0')
while sum > most do
  local oldest = redis.call('ZPOPMIN', index)
  if #oldest == 0 then
    sum = 0
    break
  end
  local key = root .. oldest[1]
  sum = redis.call('DECRBY', total, redis.call('STRLEN', key))
  redis.call('DEL', key)
end
if sum == 0 then
  redis.call('DEL', total)
end
return sum
