-- Keeps the client busy between two answers, for longer than a server takes. For diagnosis; see peaks.rs.
response = function()
    local sum = 0
    for n = 1, 150 do
        sum = sum + n % 7
    end
end
