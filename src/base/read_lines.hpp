// read_lines: a text that holds one item a line.
#pragma once
#include <fmt/format.h>

#include <exception>
#include <expected>
#include <istream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace plimsoll {

// Every line that is not empty, read by `read`. Where that throws: "line 3 is not an event: ..." (`what`: "an event").
template <class Read>
[[nodiscard]] auto read_lines(std::istream& in, std::string_view what, Read&& read)
    -> std::expected<std::vector<std::invoke_result_t<Read&, const std::string&>>, std::string> {
  std::vector<std::invoke_result_t<Read&, const std::string&>> out;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    try {
      out.push_back(read(line));
    } catch (const std::exception& error) {
      return std::unexpected(fmt::format("line {} is not {}: {}", number, what, error.what()));
    }
  }
  return out;
}

}  // namespace plimsoll
