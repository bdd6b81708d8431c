// What a reader makes of a text, in pieces of every kind.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "api/tool_calls.hpp"

namespace plimsoll::test {

struct Read {
  std::string text;
  std::vector<api::ToolCall> calls;
  bool cut = false;
  friend bool operator==(const Read&, const Read&) = default;
};

inline Read read(grammar::ToolForm form, const std::vector<std::string>& pieces, const api::Json& tools = {}) {
  api::ToolCallReader reader(form, tools);
  Read out;
  const auto collect = [&](const std::string& text) {
    out.text += text;
    for (api::ToolCall& call : reader.take()) out.calls.push_back(std::move(call));
  };
  for (const std::string& piece : pieces) collect(reader.push(piece));
  collect(reader.finish());
  out.cut = reader.cut();
  return out;
}

inline std::vector<std::string> letters(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

// At once, one character at a time, and in two pieces of every kind.
inline Read read_every_way(grammar::ToolForm form, const std::string& text, const api::Json& tools = {}) {
  const Read whole = read(form, {text}, tools);
  EXPECT_EQ(read(form, letters(text), tools), whole) << text;
  for (std::size_t i = 1; i < text.size(); ++i)
    EXPECT_EQ(read(form, {text.substr(0, i), text.substr(i)}, tools), whole) << text << " at " << i;
  return whole;
}

inline api::ToolCall call(const std::string& name, const std::string& arguments, const std::string& id = "") {
  return {.id = id, .name = name, .arguments = arguments};
}

}  // namespace plimsoll::test
