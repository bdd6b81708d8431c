// ggml_calls: the functions of ggml that the guard stands before, as it hands them out to programs that ask by dlsym().
#pragma once
#include <cstdint>
#include <string_view>

namespace plimsoll::guard {

// For calls of that engine; null: the guard does not stand before a function of that name.
[[nodiscard]] const void* ggml_entry(std::string_view name, std::uint32_t engine) noexcept;

}  // namespace plimsoll::guard
