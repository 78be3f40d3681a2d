-- Remove an ended job. ARGV: root, id.
if TERMINAL[get(ID, 'state')] then
  redis.call('DEL', key(ID), key(ID) .. ':events')
  redis.call('ZREM', KEYS[1], ID)
  redis.call('SREM', UNSAVED, ID)
end
return 1
