-- Draws a seed for each request. Arguments: the path before the seed, "get" or "post", the kind of
-- seeds ("random", "zipf", or "same") and, for two models in turn, a second path.
local path, method, kind, second = "", "get", "random", nil
local cumulated = {}
local count = 0

function init(args)
  path, method, kind, second = args[1], args[2], args[3], args[4]
  math.randomseed(tonumber(args[5] or "1"))
  if kind == "zipf" then  -- exponent 1.1 over 10,000 seeds
    local sum = 0
    for rank = 1, 10000 do
      sum = sum + 1 / rank ^ 1.1
      cumulated[rank] = sum
    end
  end
end

local function drawn()
  if kind == "same" then return 7 end
  if kind == "random" then return math.random(0, 2147483647) end
  local wanted, low, high = math.random() * cumulated[#cumulated], 1, #cumulated
  while low < high do
    local middle = math.floor((low + high) / 2)
    if cumulated[middle] < wanted then low = middle + 1 else high = middle end
  end
  return low
end

function request()
  local seed = string.format("%d", drawn())
  count = count + 1
  if method == "post" then
    return wrk.format("POST", path, { ["Content-Type"] = "application/json" }, '{"seed": ' .. seed .. '}')
  end
  local chosen = (second and second ~= "" and count % 2 == 0) and second or path
  return wrk.format("GET", chosen .. seed)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "RESULT %d %d %d %d %f %f %f\n",
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
