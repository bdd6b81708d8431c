// A scripted sample as JSON and Prometheus text, held against golden/*. The test monitor.promtool has the last
// one checked by Prometheus' own tool.
#include "monitor/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "monitor/prometheus.hpp"

#include "golden.hpp"
#include "scripted_sample.hpp"

namespace plimsoll::monitor {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

Counters counters() {
  return {.samples = 42,
          .alerts = {{AlertKind::threshold, 2}, {AlertKind::seal, 1}},
          .lowest_free = {{"Vulkan0", 4_GiB}},
          .paces = {{"chat", {.tokens_per_second = 37.5, .prompt_tokens_per_second = 0, .first_token_ms = 125}}}};
}

std::string exposition() { return to_prometheus(sample_of(test::observed()), counters(), test::times()); }

TEST(ReportTest, Json) {
  host::Fleet fleet;
  fleet.models.emplace_back().request.name = "chat";
  host::Preset careful{.name = "careful", .aliases = {"calm"}, .system = "Think twice.", .thinking = false};
  careful.sampling.params.temperature = 0.25F;
  careful.sampling.given = {"temperature", "top_k"};  // what was named counts, though it is the stock value
  careful.chat_template = "chatml";
  careful.template_values = R"({"tone": "dry"})";
  fleet.models[0].presets = {careful, {.name = "short", .n_ctx = 512}};
  expect_golden("monitor/golden/status.json", to_json(sample_of(test::observed()), counters(), &fleet).dump(2) + "\n");
}

TEST(ReportTest, Prometheus) { expect_golden("monitor/golden/metrics.prom", exposition()); }

TEST(PrometheusTest, EverySeriesIsThereOnceAndItsFamilyIsDescribedOnceBefore) {
  std::istringstream lines(exposition());
  std::set<std::string> families;
  std::set<std::string> series;
  std::string family;
  bool is_histogram = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << line;
    } else if (line.starts_with("# TYPE ")) {
      EXPECT_EQ(line.substr(7, line.find(' ', 7) - 7), family);
      EXPECT_EQ(line.ends_with(" counter"), family.ends_with("_total")) << line;
      is_histogram = line.ends_with(" histogram");
    } else {
      const std::string name = line.substr(0, line.find_first_of("{ "));
      if (is_histogram) {
        EXPECT_THAT(name, AnyOf(family + "_bucket", family + "_sum", family + "_count"));
      } else {
        EXPECT_EQ(name, family);
      }
      EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
    }
  }
  EXPECT_GE(families.size(), 25U);
}

TEST(PrometheusTest, WhatIsUnknownHasNoSeries) {
  const std::string text = exposition();
  EXPECT_THAT(text, HasSubstr("plimsoll_device_free_bytes{device=\"Vulkan0\"} 5368709120\n"));
  EXPECT_THAT(text, Not(HasSubstr("plimsoll_device_free_bytes{device=\"CPU\"}")));
  EXPECT_THAT(text, Not(HasSubstr("plimsoll_budget_bytes{device=\"CPU\"}")));
  EXPECT_THAT(text, Not(HasSubstr("plimsoll_process_bytes")));  // no device knows it: no family either
}

TEST(PrometheusTest, LabelsAreEscaped) {
  Observed input = test::observed();
  input.status.models[0].name = "two\nlines";
  EXPECT_THAT(to_prometheus(sample_of(input), {}, {}), HasSubstr("plimsoll_leases{model=\"two\\nlines\"} 1\n"));
  EXPECT_THAT(exposition(), HasSubstr(R"(plimsoll_evictions_total{model="sea \"log\"\\"} 1)"));
}

}  // namespace
}  // namespace plimsoll::monitor
