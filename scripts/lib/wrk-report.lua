-- One line for the scripts: requests, requests/s, p50, p90, p99 and maximum in µs, errors of any kind. Requests are GET, or
-- POST with the JSON in WRK_POST.
local body = os.getenv("WRK_POST")
if body then
    wrk.method, wrk.body, wrk.headers["Content-Type"] = "POST", body, "application/json"
end

done = function(summary, latency, _)
    local e = summary.errors
    io.write(string.format("REPORT %d %.0f %.0f %.0f %.0f %.0f %d\n",
        summary.requests, summary.requests / summary.duration * 1e6,
        latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max,
        e.connect + e.read + e.write + e.timeout + e.status))
end
