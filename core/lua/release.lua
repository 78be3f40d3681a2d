-- Give a job back. ARGV: root, id, fence, how, reason, most crashes, error of the last.
if not owns(ID, ARGV[3]) then
  return 'lost'
end
settle(ID, ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7])
return get(ID, 'state')
