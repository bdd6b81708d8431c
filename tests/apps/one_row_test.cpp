// Adding a parameter touches one row: a row that only this test adds arrives at the flag, the environment, the fleet
// file, the request, the dry run's key, the alternatives and the pages.
#include <array>
#include <cstdio>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dry_run/dry_run_json.hpp"
#include "host/fleet_file.hpp"
#include "host/fleet_plan.hpp"

#include "commands.hpp"
#include "member.hpp"
#include "paths.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::options {
namespace {

// The parameter: a member that no surface but the dry run's key names by itself.
constexpr auto kMember = &engine::ModelParams::n_cpu_moe;

class OneRowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    add(mutable_rows<engine::ModelParams>(), kMember, {"n_sails", {"-nsl", "--sails"}, "N", "how many `sails`"});
  }
  void TearDown() override { mutable_rows<engine::ModelParams>().pop_back(); }

  static std::int32_t on_the_command_line(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"plimsoll", "-m", "a.gguf"});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    CLI::App command;
    app::ModelOptions options;
    app::add_model_options(command, options);
    auto parsed = app::with_long_names(static_cast<int>(argv.size()), argv.data());
    std::ranges::reverse(parsed);
    command.parse(parsed);
    return app::requests(options, 1).front().dry_run.model.*kMember;
  }
};

TEST_F(OneRowTest, ArrivesAtTheFlag) {
  EXPECT_EQ(on_the_command_line({"--sails", "3"}), 3);
  EXPECT_EQ(on_the_command_line({"-nsl", "4"}), 4);
}

TEST_F(OneRowTest, ArrivesAtTheEnvironment) {
  ::setenv("PLIMSOLL_SAILS", "5", 1);
  EXPECT_EQ(on_the_command_line({}), 5);
  ::unsetenv("PLIMSOLL_SAILS");
}

TEST_F(OneRowTest, ArrivesAtTheHelp) {
  CLI::App command;
  app::ModelOptions options;
  app::add_model_options(command, options);
  EXPECT_THAT(command.help(), ::testing::HasSubstr("-nsl: how many sails (default: 0)"));
}

TEST_F(OneRowTest, ArrivesAtTheFleetFile) {
  const auto fleet = host::parse_fleet("[[model]]\npath = 'a.gguf'\nsails = 6\n", "/fleet");
  ASSERT_TRUE(fleet);
  EXPECT_EQ(fleet->models.front().request.dry_run.model.*kMember, 6);
  const auto wrong = host::parse_fleet("[[model]]\npath = 'a.gguf'\nsails = 'many'\n", "/fleet");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().front().message, "'sails' takes a whole number");
}

TEST_F(OneRowTest, ArrivesAtARequestOfTheServer) {
  EXPECT_EQ(host::with_keys({}, "sails = 7").request.dry_run.model.*kMember, 7);
}

TEST_F(OneRowTest, ArrivesAtTheDryRunAndItsKey) {
  dry_run::DryRunRequest request;
  const auto without = dry_run::dry_run_key(request);
  request.model.*kMember = 8;
  EXPECT_EQ(dry_run::to_json(request)["model"]["n_sails"], 8);
  EXPECT_EQ(dry_run::dry_run_request_from_json(dry_run::to_json(request)), request);
  EXPECT_NE(dry_run::dry_run_key(request), without);
}

TEST_F(OneRowTest, ArrivesAtTheAlternatives) {
  const plan::Alternative alternative{.flags = {},
                                      .changes = {{.param = "n_sails", .from = "9", .to = "2"}},
                                      .cost = {},
                                      .requests = {},
                                      .required = {}};
  EXPECT_EQ(host::keys_of(alternative), "sails = 2");
  engine::ModelParams nine;
  nine.*kMember = 9;
  engine::ModelParams two;
  two.*kMember = 2;
  engine::ModelParams other = nine;
  follow(other, nine, two);
  EXPECT_EQ(other.*kMember, 2);
}

TEST_F(OneRowTest, ArrivesAtThePagesAndCompletions) {
  const test::TemporaryFolder folder;
  const std::string table = folder.write("table.json", app::option_table().dump());
  const std::string script = source_path("scripts/option-tables.py");
  std::string made;
  FILE* pipe = ::popen(("python3 " + script + " " + table + " --print").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::array<char, 4096> part{};
  while (const std::size_t read = std::fread(part.data(), 1, part.size(), pipe)) made.append(part.data(), read);
  ASSERT_EQ(::pclose(pipe), 0);
  EXPECT_THAT(made,
              ::testing::HasSubstr("| `-nsl`, `--sails N` | `PLIMSOLL_SAILS` | `sails` | how many `sails` | 0 |"));
  EXPECT_THAT(made, ::testing::HasSubstr("\\fB\\-nsl\\fR, \\fB\\-\\-sails\\fR \\fIN\\fR\nHow many \\fBsails\\fR."));
  EXPECT_THAT(made, ::testing::HasSubstr("-nsl --sails"));
  EXPECT_THAT(made, ::testing::HasSubstr("{-nsl,--sails}'[how many sails]:N:'"));
}

}  // namespace
}  // namespace plimsoll::options
