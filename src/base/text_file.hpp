// text_file: a file as one text.
#pragma once
#include <string>
#include <string_view>

#include <plimsoll/base/error.hpp>

namespace plimsoll {

// As it is, byte by byte. Throws an error of that code: "the fleet file 'x' cannot be read", where `what` is "fleet
// file".
[[nodiscard]] std::string read_text_file(const std::string& path, std::string_view what = "file",
                                         ErrorCode code = ErrorCode::usage);

}  // namespace plimsoll
