#include "cell_runs.hpp"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <set>

namespace plimsoll::run {
namespace {

std::size_t distinct(const std::vector<CellRuns>& all) {
  std::vector<const CellRuns*> pointers;
  for (const CellRuns& one : all) pointers.push_back(&one);
  return CellRuns::distinct(pointers);
}

TEST(CellRunsTest, ACopySharesWhatItWasCopiedWith) {
  std::uint64_t families = 0;
  CellRuns first;
  first.set_size(10, families);
  CellRuns copy = first;
  first.part();
  copy.part();
  EXPECT_EQ(distinct({first, copy}), 10U);
  first.set_size(13, families);
  copy.set_size(15, families);
  EXPECT_EQ(distinct({first, copy}), 18U);
  copy.set_size(4, families);  // cut back
  EXPECT_EQ(distinct({first, copy}), 13U);
  copy.set_size(12, families);
  EXPECT_EQ(distinct({first, copy}), 21U);
  EXPECT_EQ(distinct({copy}), 12U) << "the other one has gone";
}

TEST(CellRunsTest, WhatIsForgottenInTheMiddleIsStillTheOthers) {
  std::uint64_t families = 0;
  CellRuns first;
  first.set_size(10, families);
  CellRuns copy = first;
  first.part();
  copy.part();
  copy.erase(2, 5);
  EXPECT_EQ(copy.size(), 5U);
  EXPECT_EQ(distinct({first, copy}), 10U);
  EXPECT_EQ(distinct({copy}), 5U);
  first.erase(0, 4);
  EXPECT_EQ(distinct({first, copy}), 8U) << "cells 2 and 3 are nobody's any more";
}

// Against sets of cells.
RC_GTEST_PROP(CellRunsTest, CountsAsSetsDo, (const std::vector<std::tuple<unsigned, unsigned, unsigned>>& steps)) {
  std::uint64_t families = 0;
  std::vector<CellRuns> runs(3);
  std::vector<std::vector<int>> model(3);
  int next = 0;
  for (const auto& [what, who, amount] : steps) {
    const std::size_t one = who % 3;
    const std::size_t other = (who + 1) % 3;
    if (what % 3 == 0) {
      runs[other] = runs[one];
      runs[one].part();
      runs[other].part();
      model[other] = model[one];
    } else if (what % 3 == 1) {
      const std::size_t size = amount % 20;
      runs[one].set_size(size, families);
      if (size < model[one].size()) model[one].resize(size);
      while (model[one].size() < size) model[one].push_back(next++);
    } else {
      const std::size_t first = std::min<std::size_t>(amount % 7, model[one].size());
      const std::size_t count = std::min<std::size_t>(amount % 5, model[one].size() - first);
      runs[one].erase(first, count);
      model[one].erase(model[one].begin() + static_cast<std::ptrdiff_t>(first),
                       model[one].begin() + static_cast<std::ptrdiff_t>(first + count));
    }
    std::set<int> all;
    for (const auto& cells : model) all.insert(cells.begin(), cells.end());
    RC_ASSERT(distinct(runs) == all.size());
  }
}

}  // namespace
}  // namespace plimsoll::run
