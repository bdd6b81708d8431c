#include "base/text_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace plimsoll {

std::string read_text_file(const std::string& path, std::string_view what, ErrorCode code) {
  // The system would read the path to that, and open another file.
  if (path.contains('\0'))
    throw Error(ErrorCode::usage,
                fmt::format("the {} '{}\\0…' cannot be read: a path has no NUL character in it", what, path.c_str()));
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, error))  // which opens, and throws where it is read
    throw Error(code, fmt::format("the {} '{}' cannot be read", what, path));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace plimsoll
