#include "host/fleet_difference.hpp"

#include <gtest/gtest.h>

#include "host/fleet_file.hpp"

namespace plimsoll::host {
namespace {

Fleet fleet(const std::string& text) {
  auto parsed = parse_fleet(text, "/fleet");
  if (!parsed) throw std::invalid_argument(parsed.error().front().message);
  return std::move(*parsed);
}

constexpr const char* kTwo = R"(
[[model]]
name = "a"
path = "a.gguf"
[[model]]
name = "b"
path = "b.gguf"
)";

// Of model "a" of two fleets that differ in its keys.
ModelDifference difference(const std::string& before, const std::string& after) {
  const std::string model = "[[model]]\nname = \"a\"\n";
  const auto path = [](const std::string& keys) { return keys.contains("path") ? "" : "path = \"a.gguf\"\n"; };
  const FleetDifference all = difference_of(fleet(model + path(before) + before), fleet(model + path(after) + after));
  if (all.changed.empty()) return {.name = "a", .what = {}};
  return all.changed.front();
}

using Keys = std::vector<std::string>;

TEST(FleetDifferenceTest, TheSameTextIsNoDifference) {
  const FleetDifference none = difference_of(fleet(kTwo), fleet(kTwo));
  EXPECT_EQ(none,
            (FleetDifference{.added = {}, .changed = {}, .removed = {}, .unchanged = {"a", "b"}, .settings = {}}));
}

TEST(FleetDifferenceTest, WhereAModelStandsInTheFileIsNoDifference) {
  const std::string other = R"(
# a comment
[[model]]
path = "b.gguf"
name = "b"

[[model]]
name = "a"
path = "a.gguf"
)";
  const FleetDifference none = difference_of(fleet(kTwo), fleet(other));
  EXPECT_TRUE(none.changed.empty());
  EXPECT_EQ(none.unchanged, (Keys{"b", "a"}));
}

TEST(FleetDifferenceTest, ModelsComeAndGo) {
  const FleetDifference found = difference_of(fleet(kTwo), fleet(R"(
[[model]]
name = "b"
path = "b.gguf"
[[model]]
name = "c"
path = "a.gguf"
)"));
  EXPECT_EQ(found.added, Keys{"c"});
  EXPECT_EQ(found.removed, Keys{"a"});
  EXPECT_EQ(found.unchanged, Keys{"b"});
}

TEST(FleetDifferenceTest, WhatTheHostDoesWithAModelTouchesNoMemory) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{{"pinned", "true"},
                                                                                   {"priority", "3"},
                                                                                   {"time-to-live", "\"5min\""},
                                                                                   {"load-at-start", "true"},
                                                                                   {"warm-up", "\"quick\""},
                                                                                   {"aliases", "[\"x\"]"}}) {
    const ModelDifference found = difference("", key + " = " + value);
    EXPECT_EQ(found.what, Keys{key});
    EXPECT_FALSE(found.reloads) << key;
  }
  EXPECT_EQ(difference("", "[model.sampling]\ntemperature = 0").what, Keys{"sampling"});
  const ModelDifference preset =
      difference("[[model.preset]]\nname = \"p\"\n", "[[model.preset]]\nname = \"p\"\nthinking = true");
  EXPECT_EQ(preset.what, Keys{"preset"});
  EXPECT_FALSE(preset.reloads);
}

TEST(FleetDifferenceTest, WhatAModelIsMadeOfBringsItBackAsAnother) {
  for (const std::string keys : {"ctx-size = 512", "parallel = 2", "gpu-layers = 3", "cache-type-k = \"q8_0\"",
                                 "compute-group = \"\"", "model-draft = \"d.gguf\"", "lora = [\"l.gguf\"]",
                                 "path = \"c.gguf\"", "rope-freq-base = 500000.0", "repack = false"})
    EXPECT_TRUE(difference("", keys).reloads) << keys;
  EXPECT_EQ(difference("ctx-size = 512\nthreads = 2", "ctx-size = 1024\nthreads = 2").what, Keys{"ctx-size"});
  EXPECT_EQ(difference("model-draft = \"d.gguf\"", "model-draft = \"d.gguf\"\ndraft-max = 3").what.back(),
            "model-draft");
  EXPECT_TRUE(difference("model-draft = \"d.gguf\"", "model-draft = \"d.gguf\"\ndraft-p-min = 0.9").reloads);
}

TEST(FleetDifferenceTest, ConversationsMeanWhatTheyMeantWhereTheSameIsComputed) {
  using enum ConversationsKeep;
  EXPECT_EQ(difference("", "ctx-size = 512").conversations, memory);
  EXPECT_EQ(difference("", "gpu-layers = 0\nparallel = 3").conversations, memory);
  EXPECT_EQ(difference("", "rope-freq-base = 500000.0").conversations, tokens);
  EXPECT_EQ(difference("", "lora = [\"l.gguf\"]\nctx-size = 512").conversations, tokens);
  EXPECT_EQ(difference("", "path = \"c.gguf\"\nlora = [\"l.gguf\"]").conversations, nothing);
}

TEST(FleetDifferenceTest, SettingsBesideTheModels) {
  const auto settings = [](const std::string& before, const std::string& after) {
    return difference_of(fleet(before + kTwo), fleet(after + kTwo)).settings;
  };
  EXPECT_EQ(settings("budgets = [\"90%\"]\n", "budgets = [\"80%\"]\n"), Keys{"budgets"});
  EXPECT_EQ(settings("budgets = [\"CPU=1GiB\"]\n", "budgets = [\"CPU=1024MiB\"]\n"), Keys{});
  EXPECT_EQ(settings("", "keep-in-host = \"1GiB\"\n[swap]\ndisk = \"1GiB\"\n"), (Keys{"keep-in-host", "swap.disk"}));
  EXPECT_EQ(settings("", "yield-to-foreign = \"1GiB\"\n"), Keys{"yield-to-foreign"});
  EXPECT_EQ(settings("", "eviction = \"lru\"\n"), Keys{"eviction"});
  EXPECT_EQ(settings("eviction = \"balanced\"\n", ""), Keys{});
  EXPECT_EQ(settings("", "[swap]\nkeep-prompts = \"1GiB\"\n"), Keys{"swap.keep-prompts"});
  EXPECT_EQ(settings("[thresholds]\nwarn = \"50%\"\n", "[thresholds]\nwarn = \"60%\"\n"), Keys{"thresholds.warn"});
  EXPECT_EQ(settings("", "runtime = [\"CPU=1MiB\"]\nprefault = false\n"), (Keys{"runtime", "prefault"}));
  EXPECT_EQ(settings("", "models-max = 1\n"), (Keys{"models-max"}));
}

TEST(FleetDifferenceTest, OtherKeysOfThoseWhoMayAskAreASetting) {
  const std::string key = "[[key]]\nname = \"crew\"\nkey = \"x\"\n";
  EXPECT_EQ(difference_of(fleet(kTwo), fleet(kTwo + key)).settings, Keys{"key"});
  EXPECT_EQ(difference_of(fleet(kTwo + key), fleet(kTwo + key + "weight = 2\n")).settings, Keys{"key"});
  EXPECT_EQ(difference_of(fleet(kTwo + key), fleet(kTwo + key)).settings, Keys{});
}

}  // namespace
}  // namespace plimsoll::host
