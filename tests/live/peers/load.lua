-- wrk: every tenth request fails; at most one request a connection every 4 ms.
local n = 0
function request()
  n = n + 1
  if n % 10 == 0 then return wrk.format("GET", "/fail?n=" .. n) end
  return wrk.format("GET", "/ok?n=" .. n)
end
function delay() return 4 end
