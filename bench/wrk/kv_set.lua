-- Another key every time, out of ten thousand.
local count = 0
function request()
  count = (count + 7919) % 10000
  return wrk.format("GET", "/kv_set?key=key-" .. count)
end
