#include "texts.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>
#include <sstream>

#include <plimsoll/base/error.hpp>
#include "base/text_file.hpp"

namespace plimsoll::app {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::string read_stdin() { return {std::istreambuf_iterator<char>(std::cin), {}}; }

std::string as_text(std::string bytes) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (bytes.starts_with(kByteOrderMark)) bytes.erase(0, kByteOrderMark.size());
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') continue;
    out += bytes[i];
  }
  return out;
}

std::string read_text(const std::string& path) { return as_text(path == "-" ? read_stdin() : read_text_file(path)); }

// A terminal waits for nobody's prompt, and /dev/null has none.
bool stdin_is_given() {
  struct stat what{};
  return fstat(STDIN_FILENO, &what) == 0 && (S_ISFIFO(what.st_mode) || S_ISREG(what.st_mode));
}

std::vector<std::string> read_texts(const std::vector<std::string>& given, const std::string& file) {
  std::vector<std::string> texts = given;
  if (texts.empty()) texts = lines_of(read_text(file.empty() ? "-" : file));
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
