-- SPDX-License-Identifier: GPL-2.0-or-later
-- Interpreter work: calls, tables, metatables, strings, closures, coroutines.
local rounds, total = tonumber(arg[1]), 0

local Heap = {}
Heap.__index = Heap
function Heap.new() return setmetatable({ n = 0 }, Heap) end
function Heap:push(v)
	local i = self.n + 1
	self.n = i
	while i > 1 and self[i // 2] > v do self[i] = self[i // 2]; i = i // 2 end
	self[i] = v
end
function Heap:pop()
	local top, last = self[1], self[self.n]
	self.n = self.n - 1
	local i = 1
	while 2 * i <= self.n do
		local c = 2 * i
		if c < self.n and self[c + 1] < self[c] then c = c + 1 end
		if self[c] >= last then break end
		self[i] = self[c]; i = c
	end
	self[i] = last
	return top
end

local function ackermann(m, n)
	if m == 0 then return n + 1 end
	if n == 0 then return ackermann(m - 1, 1) end
	return ackermann(m - 1, ackermann(m, n - 1))
end

local function permute(list, n, yield)
	if n == 0 then yield(list) return end
	for i = 1, n do
		list[i], list[n] = list[n], list[i]
		permute(list, n - 1, yield)
		list[i], list[n] = list[n], list[i]
	end
end

for r = 1, rounds do
	local heap, seed = Heap.new(), r
	for _ = 1, 1500 do seed = (seed * 16807) % 2147483647; heap:push(seed % 10007) end
	local last = -1
	while heap.n > 0 do
		local v = heap:pop()
		assert(v >= last)
		last = v
		total = total * 3 + v & 0xffffff
	end
	total = total + ackermann(2, 60)
	local count = 0
	permute({ 1, 2, 3, 4, 5, 6 }, 6, function(l) count = count + l[1] * l[6] end)
	total = total + count
	local producer = coroutine.wrap(function() for i = 1, 1000 do coroutine.yield(i * i % 97) end end)
	for _ = 1, 1000 do total = total + producer() end
	local parts = {}
	for i = 1, 500 do parts[#parts + 1] = string.format("%d:%s", i, ("ab"):rep(i % 4)) end
	local text = table.concat(parts, ";")
	for n in text:gmatch("(%d+):abab;") do total = total + tonumber(n) end
	local x = 0.0
	for i = 1, 5000 do x = x + i / (i + r) end
	total = (total + math.floor(x)) % 1000003
end
print(total)
