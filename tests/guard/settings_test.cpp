#include "guard/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::guard {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(GuardSettingsTest, NothingAskedForIsTheDefault) {
  const auto settings = read_settings(environment_of({}));
  ASSERT_TRUE(settings);
  EXPECT_TRUE(settings->budgets.empty());
  EXPECT_EQ(settings->warm_up, run::WarmUpDepth::automatic);
  EXPECT_EQ(settings->seal, SealMode::refuse);
  EXPECT_FALSE(settings->any_engine || settings->quiet);
}

TEST(GuardSettingsTest, EveryGuardAroundAProgramHasItsBudgets) {
  const auto settings = read_settings(environment_of({{"PLIMSOLL_GUARD_BUDGET", "Vulkan0=1GiB,CPU=50%|2GiB"}}));
  ASSERT_TRUE(settings);
  ASSERT_EQ(settings->budgets.size(), 2U);
  EXPECT_EQ(settings->budgets[0].size(), 2U);
  EXPECT_EQ(settings->budgets[0][0].device, device::DeviceId{"Vulkan0"});
  EXPECT_FALSE(settings->budgets[1][0].device);
}

TEST(GuardSettingsTest, ABudgetMayBeSharedWithOtherProcesses) {
  const auto settings =
      read_settings(environment_of({{"PLIMSOLL_GUARD_BUDGET", "CPU=16GiB,shared,Vulkan0=1GiB|90%,shared"}}));
  ASSERT_TRUE(settings);
  ASSERT_EQ(settings->budgets.size(), 2U);
  ASSERT_EQ(settings->budgets[0].size(), 2U);
  EXPECT_TRUE(settings->budgets[0][0].shared);
  EXPECT_FALSE(settings->budgets[0][1].shared);
  EXPECT_TRUE(settings->budgets[1][0].shared);
  EXPECT_FALSE(read_settings(environment_of({{"PLIMSOLL_GUARD_BUDGET", "shared"}})));
}

TEST(GuardSettingsTest, AValueThatMeansNothingIsToldWithItsVariable) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"PLIMSOLL_GUARD_BUDGET", "much"}, {"PLIMSOLL_GUARD_WARM_UP", "hot"}, {"PLIMSOLL_GUARD_SEAL", "wax"}}) {
    const auto settings = read_settings(environment_of({{name, value}}));
    ASSERT_FALSE(settings) << name;
    EXPECT_THAT(settings.error(), HasSubstr(name));
    EXPECT_THAT(settings.error(), HasSubstr(value));
  }
}

TEST(GuardSettingsTest, WhatAnOuterGuardDemandsStaysDemanded) {
  const auto outer = environment_of({{"PLIMSOLL_GUARD_BUDGET", "1GiB"}, {"PLIMSOLL_GUARD_SEAL", "refuse"}});
  const auto variables = variables_for({.budgets = {"2GiB", "CPU=1GiB"}, .seal = "count"}, outer);
  EXPECT_THAT(variables, Contains(Pair("PLIMSOLL_GUARD_BUDGET", "1GiB|2GiB,CPU=1GiB")));
  EXPECT_THAT(variables, Contains(Pair("PLIMSOLL_GUARD_SEAL", "refuse")));
  EXPECT_THAT(variables_for({}, outer), Not(Contains(Key("PLIMSOLL_GUARD_BUDGET"))));
}

TEST(GuardSettingsTest, WishesThatMeanNothingAreUsageErrors) {
  for (const Wishes& wishes : {Wishes{.budgets = {"much"}}, Wishes{.warm_up = "hot"}, Wishes{.seal = "wax"}})
    EXPECT_THROW((void)variables_for(wishes, environment_of({})), Error);
}

TEST(GuardSettingsTest, AReportIsFoundWhereverTheProgramGoes) {
  const auto variables = variables_for({.report = "there"}, environment_of({}));
  EXPECT_THAT(variables, Contains(Pair("PLIMSOLL_GUARD_REPORT", ::testing::StartsWith("/"))));
}

}  // namespace
}  // namespace plimsoll::guard
