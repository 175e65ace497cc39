-- wrk's script: posts prepared webhooks, each once, for `seconds`; then lets the last answers come.
-- Arguments: the files' common path (thread n reads <path>.<n>), seconds.

local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } moment;
int clock_gettime(int clock, moment *now);
]]

local MONOTONIC = 1
local moment = ffi.new("moment")
local threads = {}

local function now()
   ffi.C.clock_gettime(MONOTONIC, moment)
   return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function setup(thread)
   thread:set("number", #threads)
   table.insert(threads, thread)
end

function init(args)
   webhooks = assert(io.open(args[1] .. "." .. number, "rb"))
   webhooks:setvbuf("full", 1048576)
   seconds = tonumber(args[2])
   exhausted = 0
   unsent = nil
   if number == 0 then
      unsent = next_webhook()  -- wrk asks the first thread for one that it only looks at
   end
end

function next_webhook()
   local length = webhooks:read(4)
   if length == nil then
      exhausted = 1
      return ""
   end
   return webhooks:read(tonumber(length))
end

-- An empty request is never answered, so that its connection rests: this is how sending ends
-- before wrk does, and every request has its answer.
function request()
   if unsent then
      local webhook = unsent
      unsent = nil
      return webhook
   end
   deadline = deadline or now() + seconds
   if now() >= deadline then
      return ""
   end
   return next_webhook()
end

function done(summary, latency, requests)
   local ran_out = 0
   for _, thread in ipairs(threads) do
      ran_out = ran_out + thread:get("exhausted")
   end
   local errors = summary.errors
   io.write(string.format(
      '{"answers": %d, "refused": %d, "broken": %d, "ran_out": %d, "p50": %d, "p99": %d}\n',
      summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
      ran_out, latency:percentile(50), latency:percentile(99)))
end
