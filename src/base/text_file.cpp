#include "base/text_file.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include <plimsoll/base/error.hpp>

namespace plimsoll {

std::string read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw Error(ErrorCode::usage, fmt::format("the file '{}' cannot be read", path));
  return text;
}

}  // namespace plimsoll
