-- wrk's script: posts prepared webhooks, each once, from one moment to another; then lets the last answers come.
-- Arguments: the file of webhooks, and the two moments in seconds of the monotonic clock.

local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } moment;
int clock_gettime(int clock, moment *now);
]]

local MONOTONIC = 1
local FOR_GOOD = 1e6  -- milliseconds
local moment = ffi.new("moment")
local threads = {}

local function now()
   ffi.C.clock_gettime(MONOTONIC, moment)
   return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

-- The tenant's host is in the URL for TLS alone; nobody need resolve it.
function wrk.resolve(host, service)
   wrk.addrs = wrk.lookup("127.0.0.1", service)
end

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   webhooks = assert(io.open(args[1], "rb"))
   webhooks:setvbuf("full", 1048576)
   first, last = tonumber(args[2]), tonumber(args[3])
   exhausted = 0
end

-- Milliseconds that a connection rests before its next request. This is how sending ends before wrk does,
-- so that every request has its answer.
function delay()
   local at = now()
   if at < first then
      return math.ceil((first - at) * 1000)
   end
   return at < last and exhausted == 0 and 0 or FOR_GOOD
end

function request()
   local length = webhooks:read(4)
   if length == nil then
      exhausted = 1
      return ""
   end
   return webhooks:read(tonumber(length))
end

function done(summary, latency, requests)
   local errors, counts = summary.errors, {}
   for n = 1, #latency do
      counts[n] = string.format("[%d, %d]", latency(n))
   end
   io.write(string.format(
      '{"answers": %d, "refused": %d, "broken": %d, "ran_out": %d, "microseconds": [%s]}\n',
      summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
      threads[1]:get("exhausted"), table.concat(counts, ", ")))
end
