// What another version wrote, or a disk spoilt, is told from a dry run: by our Error or by the JSON library's, never by
// an index into the engine's tables.
#include <gtest/gtest.h>

#include <plimsoll/dry_run/dry_run_json.hpp>

#include "expect_error.hpp"

namespace plimsoll::dry_run {
namespace {

using test::expect_error;

nlohmann::ordered_json a_dry_run() {
  DryRun dry_run;
  dry_run.entries.push_back(
      {.device = device::host(), .buffer = "CPU", .stage = memory::Stage::weights, .bytes = Bytes{12}});
  return to_json(dry_run);
}

TEST(DryRunJsonTest, IsReadAsItWasWritten) { EXPECT_EQ(to_json(dry_run_from_json(a_dry_run())), a_dry_run()); }

TEST(DryRunJsonTest, AStageOfNoSuchNameIsAnError) {
  auto json = a_dry_run();
  json["entries"][0]["stage"] = "ballast";
  expect_error(ErrorCode::unsupported, "there is no stage \"ballast\"", [&] { (void)dry_run_from_json(json); });
}

TEST(DryRunJsonTest, AnAmountBelowNothingIsAnError) {
  auto json = a_dry_run();
  json["entries"][0]["bytes"] = -1;
  expect_error(ErrorCode::unsupported, "cannot be -1", [&] { (void)dry_run_from_json(json); });
}

TEST(DryRunJsonTest, ATypeThatTheEngineDoesNotHaveIsAnError) {
  auto json = a_dry_run();
  json["context"]["type_k"] = 4711;
  expect_error(ErrorCode::unsupported, "there is no value 4711", [&] { (void)dry_run_from_json(json); });
}

}  // namespace
}  // namespace plimsoll::dry_run
