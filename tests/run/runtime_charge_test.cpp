#include "runtime_charge.hpp"

#include <gtest/gtest.h>

namespace plimsoll::run {
namespace {

using plan::Worth;

RuntimeGrowth::Figure figure(Bytes bytes, bool of_the_host) {
  device::DeviceInfo info;
  info.id = of_the_host ? device::host() : device::DeviceId{"CUDA0"};
  info.memory_is_hosts = of_the_host;
  return {.memory = info, .bytes = bytes, .context = {}};
}

TEST(RuntimeChargeTest, ADifferenceThatIsTheReadingsOwnRefusesNobody) {
  const Bytes planned = 19_MiB;
  const RuntimeCharge as_planned{.taken = planned, .reserved = planned};
  EXPECT_EQ(charge_of(figure(planned + 1_MiB, true), Worth::kept, planned, false), as_planned);
  EXPECT_EQ(charge_of(figure(planned + 1_MiB, true), Worth::kept, planned, true), as_planned);
}

TEST(RuntimeChargeTest, MoreThanThatIsCharged) {
  const Bytes planned = 19_MiB;
  const Bytes more = planned + kNoiseOfHostReadings + 4_KiB;
  EXPECT_EQ(charge_of(figure(more, true), Worth::kept, planned, false),
            (RuntimeCharge{.taken = more, .reserved = more}));
  EXPECT_EQ(charge_of(figure(planned + 4_KiB, false), Worth::kept, planned, false),
            (RuntimeCharge{.taken = planned + 4_KiB, .reserved = planned + 4_KiB}))
      << "a card's reading has no heap in it";
}

TEST(RuntimeChargeTest, WhatNobodyPlannedIsCharged) {
  EXPECT_EQ(charge_of(figure(1_MiB, true), Worth::kept, Bytes{}, true),
            (RuntimeCharge{.taken = 1_MiB, .reserved = 1_MiB}));
}

TEST(RuntimeChargeTest, WhatMayBeAnothersIsNotCharged) {
  EXPECT_EQ(charge_of(figure(900_MiB, true), Worth::unconfirmed, 20_MiB, true),
            (RuntimeCharge{.taken = 20_MiB, .reserved = 20_MiB}));
  EXPECT_EQ(charge_of(figure(900_MiB, false), Worth::not_alone, 20_MiB, true),
            (RuntimeCharge{.taken = 20_MiB, .reserved = 20_MiB}));
}

TEST(RuntimeChargeTest, WhatWasNotSeenWholeStaysReserved) {
  EXPECT_EQ(charge_of(figure(5_MiB, false), Worth::kept, 20_MiB, false),
            (RuntimeCharge{.taken = 5_MiB, .reserved = 20_MiB}));
  EXPECT_EQ(charge_of(figure(5_MiB, false), Worth::kept, 20_MiB, true),
            (RuntimeCharge{.taken = 5_MiB, .reserved = 5_MiB}));
  EXPECT_EQ(charge_of(figure(5_MiB, false), Worth::below_floor, 20_MiB, true),
            (RuntimeCharge{.taken = 5_MiB, .reserved = 20_MiB}));
}

}  // namespace
}  // namespace plimsoll::run
