#include "texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include <plimsoll/base/error.hpp>

namespace plimsoll::app {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw Error(ErrorCode::usage, fmt::format("the file '{}' cannot be read", path));
  return text;
}

std::string read_stdin() { return {std::istreambuf_iterator<char>(std::cin), {}}; }

std::vector<std::string> read_texts(const std::vector<std::string>& given, const std::string& file) {
  std::vector<std::string> texts = given;
  if (texts.empty()) texts = lines_of(file.empty() ? read_stdin() : read_file(file));
  if (texts.empty()) throw Error(ErrorCode::usage, "no text was given, neither as an argument nor as a line of stdin");
  return texts;
}

std::vector<engine::Token> token_list(const std::string& text) {
  std::vector<engine::Token> tokens;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    engine::Token token = 0;
    const auto [next, error] = std::from_chars(at, end, token);
    if (error != std::errc{} || (next != end && *next != ',')) {
      throw Error(ErrorCode::usage,
                  fmt::format("--tokens does not know '{}'; it takes numbers with commas, like 1,2,3", text));
    }
    tokens.push_back(token);
    at = next == end ? end : next + 1;
  }
  return tokens;
}

std::vector<std::vector<engine::Token>> token_lists(const std::vector<std::string>& given) {
  std::vector<std::vector<engine::Token>> lists;
  for (const std::string& text : given) lists.push_back(token_list(text));
  return lists;
}

void share_one_batch(engine::ContextParams& context) {
  constexpr std::uint32_t kTogether = 16;
  context.n_seq_max = std::min(kTogether, context.n_ubatch);
  if (context.n_ctx.value_or(0) > 0) context.n_seq_max = std::min(context.n_seq_max, *context.n_ctx);
}

}  // namespace plimsoll::app
