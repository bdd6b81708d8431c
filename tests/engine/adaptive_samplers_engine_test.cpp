// What adapts does what the engine's own does, which is the referee: what it leaves, with which probabilities, and what
// is chosen; twice, so that what the first choice changed is seen in the second.
#include "engine/adaptive_samplers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>

namespace plimsoll::engine {
namespace {

constexpr std::int32_t kVocab = 2000;
constexpr std::uint32_t kSeed = 77;

struct Free {
  void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
};
using Native = std::unique_ptr<llama_sampler, Free>;

std::vector<llama_token_data> some_logits(std::uint32_t seed, float spread) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<llama_token_data> list;
  for (Token token = 0; token < kVocab; ++token) list.push_back({.id = token, .logit = normal(random), .p = 0});
  return list;
}

llama_token_data_array as_array(std::vector<llama_token_data>& list) {
  return {.data = list.data(), .size = list.size(), .selected = -1, .sorted = false};
}

struct Choice {
  std::map<Token, float> left;
  Token chosen = kNoToken;
};

Choice choice_of(const llama_token_data_array& array) {
  Choice choice{.left = {}, .chosen = array.data[array.selected].id};
  for (const llama_token_data& one : std::span(array.data, array.size)) choice.left[one.id] = one.p;
  return choice;
}

void expect_the_same_left(const Choice& ours, const Choice& engines) {
  ASSERT_EQ(ours.left.size(), engines.left.size());
  for (const auto& [token, probability] : engines.left) {
    ASSERT_TRUE(ours.left.contains(token)) << token;
    EXPECT_NEAR(ours.left.at(token), probability, 1e-4) << token;  // their sums are of another order
  }
}

void expect_two_choices_alike(OwnSampler& ours, llama_sampler& engines, std::uint32_t logits, float spread) {
  for (const bool is_first : {true, false}) {
    std::vector<llama_token_data> here = some_logits(logits + (is_first ? 0 : 1), spread);
    std::vector<llama_token_data> there = here;
    llama_token_data_array of_ours = as_array(here);
    llama_token_data_array of_engines = as_array(there);
    ours.apply(of_ours, kSeed);
    llama_sampler_apply(&engines, &of_engines);
    const Choice choice = choice_of(of_ours);
    const Choice expected = choice_of(of_engines);
    expect_the_same_left(choice, expected);
    if (!is_first) return;
    ASSERT_EQ(choice.left.at(choice.chosen), choice.left.at(expected.chosen));
    ours.accept(choice.chosen, true);
    llama_sampler_accept(&engines, expected.chosen);
  }
}

// By the engine's order of the candidates a draw may find another one of the same probability; so both are drawn from
// lists in which the probabilities differ.
TEST(AdaptiveSamplersTest, MirostatIsTheEngines) {
  for (const float tau : {0.5F, 2.0F, 5.0F, 9.0F}) {
    for (std::uint32_t i = 0; i < 6; ++i) {
      SCOPED_TRACE(testing::Message() << "tau " << tau << ", logits " << i);
      const float spread = 0.7F + (0.6F * static_cast<float>(i));
      if (tau <= 5) {  // beyond, the engine's number of those left may not fit an int, and then one is left
        const Native first(llama_sampler_init_mirostat(kVocab, kSeed, tau, 0.3F, 100));
        expect_two_choices_alike(*make_mirostat(kVocab, tau, 0.3F), *first, 10 * i, spread);
      }
      const Native second(llama_sampler_init_mirostat_v2(kSeed, tau, 0.3F));
      expect_two_choices_alike(*make_mirostat_v2(tau, 0.3F), *second, 10 * i, spread);
    }
  }
}

TEST(AdaptiveSamplersTest, AdaptivePIsTheEngines) {
  for (const float target : {0.0F, 0.2F, 0.6F, 1.0F}) {
    for (const float decay : {0.0F, 0.9F, 0.99F, 1.0F}) {
      SCOPED_TRACE(testing::Message() << "target " << target << ", decay " << decay);
      const Native engines(llama_sampler_init_adaptive_p(target, decay, kSeed));
      expect_two_choices_alike(*make_adaptive_p(target, decay), *engines, 3, 3);
    }
  }
}

TEST(AdaptiveSamplersTest, OnlyWhatIsAcceptedAsChosenCounts) {
  const std::vector<std::function<std::unique_ptr<OwnSampler>()>> all{[] { return make_mirostat(kVocab, 5, 0.1F); },
                                                                      [] { return make_mirostat_v2(5, 0.1F); },
                                                                      [] { return make_adaptive_p(0.3F, 0.9F); }};
  for (const auto& make : all) {
    const std::unique_ptr<OwnSampler> sampler = make();
    const std::vector<float> at_first = sampler->averages();
    const auto choose = [&] {
      std::vector<llama_token_data> list = some_logits(5, 3);
      llama_token_data_array array = as_array(list);
      sampler->apply(array, kSeed);
      return array.data[array.selected].id;
    };
    const Token token = choose();
    sampler->accept(token + 1, true);  // the grammar wanted another one
    EXPECT_EQ(sampler->averages(), at_first);
    sampler->accept(choose(), false);
    EXPECT_EQ(sampler->averages(), at_first);
    sampler->accept(token, true);  // nothing was drawn since
    EXPECT_EQ(sampler->averages(), at_first);
    sampler->accept(choose(), true);
    const std::vector<float> moved = sampler->averages();
    EXPECT_NE(moved, at_first);
    sampler->reset();
    EXPECT_EQ(sampler->averages(), at_first);
    sampler->set_averages(moved);
    EXPECT_EQ(sampler->clone()->averages(), moved);
  }
}

TEST(AdaptiveSamplersTest, WhatIsForbiddenIsNeverLeft) {
  for (const auto& sampler : {make_mirostat(kVocab, 9, 0.1F), make_mirostat_v2(9, 0.1F)}) {
    std::vector<llama_token_data> list = some_logits(5, 1);
    for (llama_token_data& one : list) {
      if (one.id != 17 && one.id != 23) one.logit = -INFINITY;
    }
    llama_token_data_array array = as_array(list);
    sampler->apply(array, kSeed);
    EXPECT_LE(array.size, 2U);
    const Token chosen = array.data[array.selected].id;
    EXPECT_TRUE(chosen == 17 || chosen == 23) << chosen;
  }
}

}  // namespace
}  // namespace plimsoll::engine
