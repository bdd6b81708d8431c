#include "guard/guard_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plimsoll::guard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(GuardReportTest, AProcessWithoutAnEngineSaysSoInOneLine) {
  EXPECT_THAT(to_lines({.name = "sh"}), ElementsAre(HasSubstr("'sh' used no ggml")));
}

TEST(GuardReportTest, AnEngineThatWasLeftAloneIsNotTalkedAboutAgain) {
  EXPECT_THAT(to_lines({.name = "x", .engines = {{.guarded = false, .why_not = "of another version"}}}), SizeIs(0));
}

TEST(GuardReportTest, EachContextHasALine) {
  Report report{.name = "server", .engines = {{.guarded = true}}};
  report.contexts.push_back({.name = "a/context", .state = ContextState::refused, .why = "no memory"});
  report.contexts.push_back({.name = "b/context", .made = 8_MiB, .warmed = 1_MiB, .taken_after = 2_MiB});
  const auto lines = to_lines(report);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_THAT(lines[1], HasSubstr("'a/context' was refused: no memory"));
  EXPECT_THAT(lines[2], HasSubstr("8.00 MiB to be made and 1.00 MiB in its warm-up"));
  EXPECT_THAT(lines[2], HasSubstr("after it 2.00 MiB"));
}

TEST(GuardReportTest, JsonHoldsEveryRowAndNamesThatAreNoUtf8) {
  Report report{.name = "caf\xE9", .pid = 7, .engines = {{.library = "x", .ggml = "0.27.0", .guarded = true}}};
  report.contexts.push_back({.name = "b/context", .model = "b", .n_ctx = 512, .sealed = true});
  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json.at("schema"), "plimsoll.guard/1");
  EXPECT_EQ(json.at("contexts").at(0).at("n_ctx"), 512);
  EXPECT_TRUE(json.at("grown_since_ready").is_null());
  EXPECT_TRUE(json.at("devices").empty());
}

}  // namespace
}  // namespace plimsoll::guard
