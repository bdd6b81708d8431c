// Our own templates against what Jinja2 made of them (golden/cases.jsonl, written by `referee.py --cases`).
#include <gtest/gtest.h>

#include <fstream>

#include "paths.hpp"
#include "rendered.hpp"

namespace plimsoll::jinja {
namespace {

TEST(CasesTest, AreWhatJinja2Gives) {
  std::ifstream file(source_path("tests/jinja/golden/cases.jsonl"));
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const auto values = nlohmann::ordered_json::parse(line);
  std::size_t cases = 0;
  for (; std::getline(file, line); ++cases) {
    const auto expected = nlohmann::ordered_json::parse(line);
    const auto source = expected["template"].get<std::string>();
    SCOPED_TRACE(source);
    if (expected.contains("error")) {
      EXPECT_NE(test::refusal(source, values), "") << expected["error"];
    } else {
      EXPECT_NO_THROW(EXPECT_EQ(test::rendered(source, values), expected["text"].get<std::string>()));
    }
  }
  EXPECT_GT(cases, 200U);
}

}  // namespace
}  // namespace plimsoll::jinja
