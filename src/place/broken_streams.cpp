#include "broken_streams.hpp"

namespace plimsoll::place {

// HAProxy gives a filter the response once more after it has noticed that the server is gone: the request's analysis
// has ended by then, which for an answer that comes whole is later than its last bytes. (Seen with 3.2.)
const char* broken_streams_lua() noexcept {
  return R"(-- Written by `plimsoll place`. A stream whose server breaks off ends with the error of its API, so that clients need
-- not guess from a connection that was cut. It has no end all the same: it never looks whole.
local message = "the server of this model has broken off in the middle of its answer"
local openai = '{"error":{"message":"' .. message .. '","type":"server_error","param":null,"code":"bad_gateway"}}'
local anthropic = '{"type":"error","error":{"type":"api_error","message":"' .. message .. '"}}'

local Stream = { id = "broken-stream", flags = filter.FLT_CFG_FL_HTX }
Stream.__index = Stream

function Stream:new()
  return setmetatable({ tail = "" }, Stream)
end

function Stream:http_headers(txn, message_head)
  if not message_head:is_resp() then
    if txn.sf:method() == "POST" then self.path = txn.sf:path() end
    return
  end
  local types = message_head:get_headers()["content-type"]
  local kind = self.path and types and types[0] or ""
  if kind:find("text/event-stream", 1, true) then
    self.mark = "\n\n"
  elseif kind:find("application/x-ndjson", 1, true) then
    self.mark = "\n"
  else
    return
  end
  filter.register_data_filter(self, message_head.channel)
end

function Stream:ending()
  if self.mark == "\n" then return '{"error":"' .. message .. '"}\n' end
  if self.path:find("/messages$") then return "event: error\ndata: " .. anthropic .. "\n\n" end
  if self.path:find("/responses$") then
    return 'event: error\ndata: {"type":"error","sequence_number":' .. (self.number or 0) + 1 ..
      ',"code":"bad_gateway","message":"' .. message .. '","param":null}\n\n'
  end
  return "data: " .. openai .. "\n\n"
end

function Stream:http_payload(_, part)
  if not part:is_resp() then return end
  if part:input() > 0 then
    local text = part:body()
    self.tail = (self.tail .. text:sub(-2)):sub(-2)
    if self.path:find("/responses$") then self.number = tonumber(text:match('.*"sequence_number":(%d+)')) or self.number end
  end
  if not self.request_is_over or part:eom() or self.has_ended then return end
  self.has_ended = true
  -- Behind half an event it would be the end of that.
  if self.tail == "" or self.tail:sub(-#self.mark) == self.mark then part:append(self:ending()) end
end

function Stream:end_analyze(_, channel)
  if not channel:is_resp() then self.request_is_over = true end
end

core.register_filter("broken-stream", Stream, function(class)
  return class
end)
)";
}

}  // namespace plimsoll::place
