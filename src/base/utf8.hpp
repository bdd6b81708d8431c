// utf8: bytes that may be no UTF-8, as file names may be.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll {

[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;
// For people and for JSON: whatever is no UTF-8 becomes U+FFFD, one for each byte.
[[nodiscard]] std::string as_utf8(std::string_view bytes);
// What a model is called whose file lies there: "b" of "a/b.gguf".
[[nodiscard]] std::string name_of_file(const std::string& path);

}  // namespace plimsoll
