// The templates of public models against Jinja2 itself: those that it renders are the same here, and those that it
// refuses are refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "rendered.hpp"

namespace plimsoll::jinja {
namespace {

struct Pipe {
  FILE* file =
      ::popen("python3 " PLIMSOLL_SOURCE_DIR "/tests/jinja/referee.py --folder " PLIMSOLL_SHARED_DIR "/templates", "r");
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

TEST(TemplatesSharedTest, AreWhatJinja2Gives) {
  Pipe referee;
  ASSERT_NE(referee.file, nullptr);
  Tally tally;
  while (referee.next()) compare(nlohmann::ordered_json::parse(referee.line), tally);
  const std::size_t rendered = tally.equal + tally.other + tally.refused_here;
  std::cout << tally.equal << " of " << rendered << " equal; refused by both: " << tally.refused_by_both
            << ", by Jinja2 alone: " << tally.refused_there << "\n";
  EXPECT_GE(rendered, 600U);
  EXPECT_GE(tally.equal * 100, rendered * 99);
  EXPECT_GT(tally.said, rendered);
  EXPECT_EQ(tally.said_as_own, 0U);
}

}  // namespace
}  // namespace plimsoll::jinja
