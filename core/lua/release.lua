-- Give a job back. ARGV: id, fence, reason, 1 after a crash else 0, most attempts, error of the last.
if not owns(KEYS[1], ARGV[2]) then
  return 'lost'
end
settle(ARGV[1], KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[3], ARGV[4] == '1', tonumber(ARGV[5]), ARGV[6])
return redis.call('HGET', KEYS[1], 'state')
