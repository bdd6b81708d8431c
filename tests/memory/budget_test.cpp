#include <plimsoll/memory/budget.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "expect_error.hpp"

namespace plimsoll::memory {
namespace {

using ::testing::HasSubstr;

device::DeviceInfo gpu(const std::string& name = "Vulkan0") {
  device::DeviceInfo info;
  info.id = device::DeviceId{name};
  info.type = device::DeviceType::gpu;
  return info;
}

device::DeviceInfo host() {
  device::DeviceInfo info;
  info.id = device::host();
  info.memory_is_hosts = true;
  return info;
}

std::vector<BudgetRequest> requests(const std::vector<std::string>& texts) {
  std::vector<BudgetRequest> parsed;
  for (const std::string& text : texts) parsed.push_back(parse_budget(text).value());
  return parsed;
}

// The budget of a device of 1,000 bytes.
std::optional<Bytes> line_of(const device::DeviceInfo& device, const std::vector<std::string>& texts) {
  return resolve_budget(requests(texts), device, 1000_B).transform([](const Budget& budget) { return budget.bytes; });
}

TEST(ParseBudgetTest, ReadsASizeOrAShareWithOrWithoutADevice) {
  const auto named = parse_budget("Vulkan0=8GiB");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->device, device::DeviceId{"Vulkan0"});
  EXPECT_EQ(std::get<Bytes>(named->amount), 8_GiB);
  const auto general = parse_budget("92.5%");
  ASSERT_TRUE(general);
  EXPECT_EQ(general->device, std::nullopt);
  EXPECT_EQ(std::get<Percent>(general->amount).value(), 92.5);
}

// A budget of them would refuse nothing, or everything.
TEST(PercentTest, WhatIsNoShareIsRefusedWhereItIsMade) {
  for (const double wrong :
       {300.0, 100.1, 0.0, -5.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    SCOPED_TRACE(wrong);
    plimsoll::test::expect_error(ErrorCode::usage, "is not a share of a device", [&] { (void)Percent(wrong); });
  }
  EXPECT_EQ(Percent(100).value(), 100);
}

TEST(ParseBudgetTest, NonsenseIsRefusedInASentenceThatNamesIt) {
  for (const std::string text :
       {"", "=8GiB", "Vulkan0=", "Vulkan0=%", "0%", "-5%", "100.1%", "nan%", "90%%", "9O%", "a=b=1GiB"}) {
    SCOPED_TRACE(text);
    const auto parsed = parse_budget(text);
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error(), HasSubstr("'" + text + "'"));
  }
}

TEST(ResolveBudgetTest, AnAcceleratorHasNinetyPercentAndTheHostHasNone) {
  EXPECT_EQ(line_of(gpu(), {}), 900_B);
  EXPECT_EQ(line_of(host(), {}), std::nullopt);
  EXPECT_EQ(line_of(host(), {"50%", "100"}), std::nullopt);  // general requests are for accelerators
  EXPECT_EQ(line_of(host(), {"CPU=50%"}), 500_B);
}

TEST(ResolveBudgetTest, TheLastRequestThatNamesTheDeviceWinsThenTheLastGeneralOne) {
  const std::vector<std::string> asked{"Vulkan0=100", "200", "Vulkan0=30%", "40%"};
  EXPECT_EQ(line_of(gpu("Vulkan0"), asked), 300_B);
  EXPECT_EQ(line_of(gpu("Vulkan1"), asked), 400_B);
}

TEST(ResolveBudgetTest, ABudgetAboveTheDeviceIsLoweredToItAndSaysSo) {
  const auto budget = resolve_budget(requests({"2KiB"}), gpu(), 1000_B);
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->bytes, 1000_B);
  EXPECT_TRUE(budget->lowered);
  EXPECT_FALSE(resolve_budget(requests({"1000"}), gpu(), 1000_B)->lowered);
}

TEST(ResolveBudgetTest, WhereTheTotalIsUnknownAShareIsNoBudgetAndASizeIsOne) {
  EXPECT_FALSE(resolve_budget({}, gpu(), std::nullopt));
  EXPECT_FALSE(resolve_budget(requests({"50%"}), gpu(), std::nullopt));
  EXPECT_EQ(resolve_budget(requests({"8GiB"}), gpu(), std::nullopt)->bytes, 8_GiB);
}

RC_GTEST_PROP(ResolveBudgetProperty, AShareIsWithinTheDeviceAndExactAtTheWhole, ()) {
  const Bytes total{*rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 62)};
  const double percent = *rc::gen::inRange(1, 1001) / 10.0;
  const auto budget = resolve_budget({{.device = std::nullopt, .amount = Percent{percent}}}, gpu(), total);
  RC_ASSERT(budget.has_value());
  RC_ASSERT(budget->bytes <= total);
  RC_ASSERT(percent < 100 || budget->bytes == total);
  RC_ASSERT(!budget->lowered);
}

}  // namespace
}  // namespace plimsoll::memory
