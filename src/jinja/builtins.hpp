// What templates find without defining it: Jinja's filters, tests and functions, and the methods of Python's types.
#pragma once
#include <optional>
#include <string_view>

#include "value.hpp"

namespace plimsoll::jinja {

using Filter = Value (*)(Renderer& renderer, const Value& input, const Args& args);
using Test = bool (*)(Renderer& renderer, const Value& input, const Args& args);
using Method = Value (*)(Renderer& renderer, const Value& self, const Args& args);

// Null where there is none of the name.
[[nodiscard]] Filter find_filter(std::string_view name);
[[nodiscard]] Test find_test(std::string_view name);
[[nodiscard]] Method find_text_method(std::string_view name);
// Of str, dict, list and tuple. Those that would change what they belong to are not there, as in Jinja's sandbox.
[[nodiscard]] Method find_method(const Value& self, std::string_view name);
[[nodiscard]] std::optional<Value> find_global(std::string_view name);

}  // namespace plimsoll::jinja
