-- What a process has counted is added to the totals. A batch that was told before, its answer lost, counts once.
-- ARGV: process, number of its batch, then field, amount, …
local last = P .. 'metrics:told:' .. ARGV[1]
if redis.call('GET', last) == ARGV[2] then return 'known' end
redis.call('SET', last, ARGV[2], 'EX', 3600)
for i = 3, #ARGV, 2 do redis.call('HINCRBYFLOAT', METRICS, ARGV[i], ARGV[i + 1]) end
return 'told'
