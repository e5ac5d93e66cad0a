local requests = {}
for _, n in ipairs { 1, 8, 32 } do
    local list = {}
    for i = 1, n do list[i] = { "/up" } end
    requests[n] = list
end

return function(n)
    local replies = { ngx.location.capture_multi(requests[n]) }
    local out, length = {}, 0
    for i = 1, n do
        if replies[i].status ~= 200 then return ngx.exit(502) end
        out[2 * i - 1] = i == 1 and '{"k0":' or ',"k' .. (i - 1) .. '":'
        out[2 * i] = replies[i].body
    end
    out[2 * n + 1] = "}"
    for i = 1, #out do length = length + #out[i] end
    ngx.header["Content-Type"] = "application/json"
    ngx.header["Content-Length"] = length
    ngx.print(out)
end
