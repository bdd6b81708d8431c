// The templates of public models against Jinja2 itself: those that it renders are the same here, and those that it
// refuses are refused.
#include <gtest/gtest.h>

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
};

void compare(const nlohmann::ordered_json& expected, Tally& tally) {
  const std::string where = expected["name"].get<std::string>() + ", " + expected["conversation"].get<std::string>();
  const bool refused_there = expected.contains("error");
  try {
    const std::string text = test::rendered(expected["template"].get<std::string>(), expected["values"]);
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
}

}  // namespace
}  // namespace plimsoll::jinja
