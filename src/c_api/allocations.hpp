// allocations: what the library gives to its caller outright, to be freed with plimsoll_free().
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace plimsoll::c_api {

// With a NUL byte behind it. `length` may be null.
void give_text(std::string_view text, char** out, std::uint64_t* length = nullptr);
void give_tokens(const std::vector<std::int32_t>& tokens, std::int32_t** out, std::uint64_t* count);
// How many are not freed yet.
[[nodiscard]] std::size_t allocations();

}  // namespace plimsoll::c_api
