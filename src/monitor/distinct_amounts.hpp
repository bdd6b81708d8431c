// distinct_amounts: two amounts for one sentence, which never look alike where they differ.
#pragma once
#include <string>
#include <utility>

#include <fmt/format.h>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::monitor {

// As format_bytes() has them; in bytes where that would say the same of both.
[[nodiscard]] inline std::pair<std::string, std::string> distinct_amounts(Bytes a, Bytes b) {
  std::pair texts{format_bytes(a), format_bytes(b)};
  if (a != b && texts.first == texts.second)
    texts = {fmt::format("{} bytes", a.value()), fmt::format("{} bytes", b.value())};
  return texts;
}

}  // namespace plimsoll::monitor
