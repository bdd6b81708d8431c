// text_file: a file as one text.
#pragma once
#include <string>

namespace plimsoll {

// As it is, byte by byte. Throws Error{usage}: "the file 'x' cannot be read".
[[nodiscard]] std::string read_text_file(const std::string& path);

}  // namespace plimsoll
