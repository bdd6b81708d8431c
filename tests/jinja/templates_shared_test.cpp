// The templates of public models, and some of our own in their styles, against Jinja2 itself: those that it renders are
// the same here, and those that it refuses are refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "docs_table.hpp"
#include "paths.hpp"
#include "rendered.hpp"

namespace plimsoll::jinja {
namespace {

struct Pipe {
  explicit Pipe(const std::string& folder)
      : file(::popen(("python3 " + source_path("tests/jinja/referee.py") + " --folder " + folder).c_str(), "r")) {}
  FILE* file;
  char* line = nullptr;
  std::size_t room = 0;
  ~Pipe() {
    std::free(line);
    if (file != nullptr) ::pclose(file);
  }
  bool next() { return ::getline(&line, &room, file) > 0; }
};

struct Tally {
  std::size_t equal = 0, other = 0, refused_here = 0, refused_by_both = 0, refused_there = 0;
  std::size_t said = 0, said_as_own = 0;  // contents found in the texts; those of them that are not marked as input
  [[nodiscard]] std::size_t rendered() const { return equal + other + refused_here; }
};

bool is_input(const MarkedText& text, std::size_t begin, std::size_t size) {
  return std::ranges::any_of(text.input,
                             [&](const Range& range) { return range.begin <= begin && range.end >= begin + size; });
}

// Whatever a message says is marked where it stands.
void look_at_marks(const MarkedText& text, const nlohmann::ordered_json& messages, Tally& tally) {
  constexpr std::size_t kLong = 8;  // shorter ones stand in templates as well
  for (const auto& message : messages) {
    if (!message.contains("content") || !message["content"].is_string()) continue;
    const std::string content(test::trimmed(message["content"].get_ref<const std::string&>()));  // templates do so
    const std::size_t at = content.size() < kLong ? std::string::npos : text.text.find(content);
    if (at == std::string::npos) continue;
    ++tally.said;
    if (is_input(text, at, content.size())) continue;
    ++tally.said_as_own;
    std::cout << "not marked: " << content << "\n";
  }
}

void compare(const nlohmann::ordered_json& expected, Tally& tally) {
  const std::string where = expected["name"].get<std::string>() + ", " + expected["conversation"].get<std::string>();
  const bool refused_there = expected.contains("error");
  try {
    const MarkedText marked =
        Template(expected["template"].get<std::string>()).render(expected["values"], {.now = test::referees_now()});
    const std::string& text = marked.text;
    if (expected["values"].contains("messages")) look_at_marks(marked, expected["values"]["messages"], tally);
    if (refused_there) {
      ++tally.refused_there;
    } else if (text == expected["text"].get<std::string>()) {
      ++tally.equal;
    } else {
      ++tally.other;
      std::cout << "differs: " << where << "\n";
    }
  } catch (const Error& error) {
    ++(refused_there ? tally.refused_by_both : tally.refused_here);
    if (!refused_there) std::cout << "refused: " << where << ": " << error.what() << "\n";
  }
}

Tally tally_of(const std::string& folder) {
  Pipe referee(folder);
  Tally tally;
  if (referee.file == nullptr) return tally;
  while (referee.next()) compare(nlohmann::ordered_json::parse(referee.line), tally);
  std::cout << tally.equal << " of " << tally.rendered() << " equal; refused by both: " << tally.refused_by_both
            << ", by Jinja2 alone: " << tally.refused_there << "\n";
  return tally;
}

TEST(TemplatesSharedTest, AreWhatJinja2Gives) {
  const Tally tally = tally_of(shared_path("templates"));
  EXPECT_GE(tally.rendered(), 600U);
  EXPECT_GE(tally.equal * 100, tally.rendered() * 99);
  plimsoll::test::expect_docs_row("docs/server.md",
                                  "| Chat templates of public models, with the conversations of the tests |",
                                  fmt::format(" {} of {} texts equal to Jinja2's; {} more are refused by both |",
                                              tally.equal, tally.rendered(), tally.refused_by_both));
  EXPECT_GT(tally.said, tally.rendered());
  EXPECT_EQ(tally.said_as_own, 0U);
}

// Constructs that the public ones of today do not happen to have.
TEST(TemplatesSharedTest, SoAreOthersInTheirStyles) {
  const Tally tally = tally_of(source_path("tests/jinja/styles"));
  EXPECT_GE(tally.rendered(), 150U);
  EXPECT_EQ(tally.equal, tally.rendered());
  EXPECT_EQ(tally.refused_there, 0U);
}

}  // namespace
}  // namespace plimsoll::jinja
