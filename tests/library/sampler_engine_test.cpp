// Links of a program's own among the samplers, as programs use them.
#include <gtest/gtest.h>

#include <plimsoll/plimsoll.hpp>

#include <functional>
#include <utility>

#include "demo_model.hpp"
#include "expect_error.hpp"

namespace plimsoll {
namespace {

using test::expect_error;
using test::kGreedy;
using test::kModel;
using test::small;

// One whose apply is the test's, and that remembers what it is told.
class Link : public CustomSampler {
 public:
  explicit Link(std::function<void(Candidates&)> work) : work_(std::move(work)) {}
  [[nodiscard]] std::string name() const override { return "link"; }
  void apply(Candidates& candidates) override { work_(candidates); }
  void accept(Token token) override { accepted.push_back(token); }
  [[nodiscard]] std::unique_ptr<CustomSampler> clone() const override { return std::make_unique<Link>(work_); }

  std::vector<Token> accepted;

 private:
  std::function<void(Candidates&)> work_;
};

std::unique_ptr<Link> link(std::function<void(Candidates&)> work) { return std::make_unique<Link>(std::move(work)); }

class OwnLinks : public testing::Test {
 protected:
  Model model = Runtime().open(kModel, small(2));
  std::vector<float> logits = [this] {
    Conversation conversation = model.conversation();
    conversation.prompt("Day 12.");
    conversation.infer();
    return std::vector<float>(std::from_range, conversation.logits());
  }();
};

TEST_F(OwnLinks, TheLastSeesWhatTheOthersLeftAlsoWhereTheLikeliestIsChosen) {
  for (const float temperature : {0.0F, 0.7F}) {
    std::size_t left = 0;
    Sampler sampler(model, {.temperature = temperature, .top_k = 6, .top_p = 1, .min_p = 0}, {},
                    link([&](Candidates& candidates) { left = candidates.size(); }));
    const Token token = sampler.sample(logits);
    EXPECT_EQ(left, 6U);
    if (temperature == 0) {
      EXPECT_EQ(token, Sampler(model, {.temperature = 0}).sample(logits));
    }
  }
}

TEST_F(OwnLinks, WhatOneSelectsIsTheChoice) {
  const auto seventh = [](Candidates& candidates) { candidates.select(7); };
  EXPECT_EQ(Sampler(model, {.temperature = 1.5F}, link(seventh)).sample(logits), 7);
  const SamplingParams wide{.temperature = 0, .top_k = 5, .top_p = 1, .min_p = 0};
  Sampler last(model, wide, {}, link([](Candidates& candidates) { candidates.select(1); }));
  EXPECT_NE(last.sample(logits), Sampler(model, {.temperature = 0}).sample(logits));
}

TEST_F(OwnLinks, ARandomSeedIsRandomBesideThem) {
  const auto draws = [&] {
    Sampler sampler(model, {.temperature = 5, .top_k = 0, .top_p = 1, .min_p = 0}, link([](Candidates&) {}));
    std::vector<Token> tokens;
    for (int i = 0; i < 32; ++i) tokens.push_back(sampler.sample(logits));
    return tokens;
  };
  EXPECT_NE(draws(), draws());
}

TEST_F(OwnLinks, OfAnAnswerAloneTheySeeItsPrompt) {
  GenerationOptions options = kGreedy;
  const auto seen = std::make_shared<Link>([](Candidates&) {});
  options.last_link = seen;
  options.sampling.penalty_repeat = 1.3F;
  GenerationOptions plain = kGreedy;
  plain.sampling.penalty_repeat = 1.3F;
  const std::string prompt = "Day 12. Day 12. Day 12.";
  Generation generation = model.generate(prompt, options);
  EXPECT_EQ(generation.read_all(), model.generate(prompt, plain).read_all());
  std::vector<Token> expected = model.tokenize(prompt);
  expected.append_range(generation.tokens());
  EXPECT_EQ(seen->accepted, expected);
}

TEST_F(OwnLinks, BesideASamplerTheyAreRefused) {
  GenerationOptions options = kGreedy;
  options.sampler = std::make_shared<Sampler>(model, SamplingParams{});
  options.first_link = std::make_shared<Link>([](Candidates&) {});
  expect_error(ErrorCode::usage, "belong into the sampler", [&] { (void)model.generate("x", options); });
}

}  // namespace
}  // namespace plimsoll
