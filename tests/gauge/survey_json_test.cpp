// What another version wrote, or a disk spoilt, is told from a survey: by our Error or by the JSON library's, never by an
// index into the engine's tables.
#include <gtest/gtest.h>

#include <plimsoll/gauge/survey_json.hpp>

#include "expect_error.hpp"

namespace plimsoll::gauge {
namespace {

using test::expect_error;

nlohmann::ordered_json a_survey() {
  Survey survey;
  survey.lines.push_back(
      {.device = device::host(), .buffer = "CPU", .stage = memory::Stage::weights, .bytes = Bytes{12}});
  return to_json(survey);
}

TEST(SurveyJsonTest, IsReadAsItWasWritten) { EXPECT_EQ(to_json(survey_from_json(a_survey())), a_survey()); }

TEST(SurveyJsonTest, AStageOfNoSuchNameIsAnError) {
  auto json = a_survey();
  json["lines"][0]["stage"] = "ballast";
  expect_error(ErrorCode::unsupported, "there is no stage \"ballast\"", [&] { (void)survey_from_json(json); });
}

TEST(SurveyJsonTest, AnAmountBelowNothingIsAnError) {
  auto json = a_survey();
  json["lines"][0]["bytes"] = -1;
  expect_error(ErrorCode::unsupported, "cannot be -1", [&] { (void)survey_from_json(json); });
}

TEST(SurveyJsonTest, ATypeThatTheEngineDoesNotHaveIsAnError) {
  auto json = a_survey();
  json["context"]["type_k"] = 4711;
  expect_error(ErrorCode::unsupported, "there is no value 4711", [&] { (void)survey_from_json(json); });
}

}  // namespace
}  // namespace plimsoll::gauge
