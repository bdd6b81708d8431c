#include "base/text_file.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include <plimsoll/base/error.hpp>

namespace plimsoll {

std::string read_text_file(const std::string& path) {
  // The system would read the path to that, and open another file.
  if (path.contains('\0'))
    throw Error(ErrorCode::usage,
                fmt::format("the file '{}\\0…' cannot be read: a path has no NUL character in it", path.c_str()));
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw Error(ErrorCode::usage, fmt::format("the file '{}' cannot be read", path));
  return text;
}

}  // namespace plimsoll
