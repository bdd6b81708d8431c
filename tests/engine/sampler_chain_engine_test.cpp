#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <limits>
#include <ranges>

#include "engine/sampler.hpp"

#include "decoding.hpp"
#include "expect_error.hpp"
#include "random_logits.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using testing::ElementsAre;

// What the sampler of a test was asked, shared by it and its clones.
struct Seen {
  std::vector<Token> accepted;
  int resets = 0;
  int clones = 0;
};

// Leaves even tokens alone.
class Even : public CustomSampler {
 public:
  explicit Even(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
  [[nodiscard]] std::string name() const override { return "even"; }
  void apply(Candidates& candidates) override {
    const auto odd = std::ranges::partition(candidates.edit(), [](const auto& one) { return one.id % 2 == 0; });
    candidates.keep_first(candidates.size() - odd.size());
  }
  void accept(Token token) override { seen_->accepted.push_back(token); }
  void reset() override { ++seen_->resets; }
  [[nodiscard]] std::unique_ptr<CustomSampler> clone() const override {
    ++seen_->clones;
    return std::make_unique<Even>(seen_);
  }

 private:
  std::shared_ptr<Seen> seen_;
};

// One whose apply is the test's.
class Does : public CustomSampler {
 public:
  explicit Does(std::function<void(Candidates&)> work) : work_(std::move(work)) {}
  [[nodiscard]] std::string name() const override { return "does"; }
  void apply(Candidates& candidates) override { work_(candidates); }
  [[nodiscard]] std::unique_ptr<CustomSampler> clone() const override { return std::make_unique<Does>(work_); }

 private:
  std::function<void(Candidates&)> work_;
};

class SamplerChainTest : public testing::Test {
 protected:
  Token sample_from(SamplerChain chain) { return Sampler::of(*model_, std::move(chain)).sample(logits_); }

  test::TemporaryFolder folder_;
  std::shared_ptr<Model> model_ = test::load_on_cpu(folder_.write("tiny.gguf", test::tiny_llama().bytes()));
  std::size_t n_vocab_ = static_cast<std::size_t>(model_->facts().n_vocab);
  std::vector<float> logits_ = test::random_logits(n_vocab_, {});
};

TEST_F(SamplerChainTest, LinksComeAndGo) {
  SamplerChain chain;
  chain.add(SamplerLink::top_k(5)).add(SamplerLink::dist(3));
  chain.insert(1, SamplerLink::temperature(0.5F)).insert(0, SamplerLink::penalties(*model_, 64, 1.1F, 0, 0));
  EXPECT_THAT(chain.names(), ElementsAre("penalties", "top_k", "temperature", "dist"));
  EXPECT_EQ(chain.seed(), 3U);
  EXPECT_EQ(chain.remove(3).name(), "dist");
  EXPECT_EQ(chain.seed(), std::nullopt);
  EXPECT_EQ(chain.size(), 3U);
  expect_error(ErrorCode::usage, "no place 4", [&] { chain.insert(4, SamplerLink::greedy()); });
  expect_error(ErrorCode::usage, "no place 3", [&] { (void)chain.remove(3); });
}

TEST_F(SamplerChainTest, EveryLinkCanBeMade) {
  SamplerChain chain;
  chain.add(SamplerLink::logit_bias(*model_, {{.token = 5, .bias = 1}}))
      .add(SamplerLink::penalties(*model_, -1, 1.1F, 0.1F, 0.1F))
      .add(SamplerLink::dry(*model_, 1, 2, 2, -1, {"\n"}))
      .add(SamplerLink::top_n_sigma(3))
      .add(SamplerLink::top_k(50))
      .add(SamplerLink::typical(0.99F))
      .add(SamplerLink::top_p(0.99F))
      .add(SamplerLink::min_p(0.001F))
      .add(SamplerLink::xtc(0.5F, 0.1F, 1, 4))
      .add(SamplerLink::temperature(0.9F, 0.2F, 1))
      .add(SamplerLink::infill(*model_));
  using Make = std::function<SamplerLink()>;
  for (const Make& choose : {Make([] { return SamplerLink::greedy(); }), Make([] { return SamplerLink::dist(1); }),
                             Make([&] { return SamplerLink::mirostat(*model_, 5, 0.1F, 1); }),
                             Make([] { return SamplerLink::mirostat_v2(5, 0.1F, 1); }),
                             Make([] { return SamplerLink::adaptive_p(0.5F, 0.9F, 1); })}) {
    SamplerChain whole = chain.clone();
    whole.add(choose());
    SCOPED_TRACE(whole.names().back());
    EXPECT_LT(sample_from(std::move(whole)), model_->facts().n_vocab);
  }
}

TEST_F(SamplerChainTest, NumbersThatMeanNothingAreRefused) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_error(ErrorCode::usage, "top_p", [&] { (void)SamplerLink::top_p(nan); });
  expect_error(ErrorCode::usage, "above 0", [&] { (void)SamplerLink::penalties(*model_, 64, 0, 0, 0); });
  expect_error(ErrorCode::usage, "custom", [&] { (void)SamplerLink::custom(nullptr); });
}

// The engine takes the memory of what may be looked back on beforehand: of as much as this, eight gigabytes and more.
TEST_F(SamplerChainTest, WhoLooksBackOnEverythingTakesLittle) {
  const auto in_use = [] {
    const struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
  };
  const std::size_t before = in_use();
  const std::int32_t all = std::numeric_limits<std::int32_t>::max();
  const SamplerLink penalties = SamplerLink::penalties(*model_, all, 1.1F, 0, 0);
  const SamplerLink dry = SamplerLink::dry(*model_, 1, 2, 2, all, {"\n"});
  EXPECT_LT(in_use(), before + (std::size_t{64} << 20U));
}

TEST_F(SamplerChainTest, AChainThatChoosesNothingSaysSo) {
  SamplerChain chain;
  expect_error(ErrorCode::usage, "chooses a token", [&] { (void)sample_from(std::move(chain)); });
  SamplerChain narrowing;
  narrowing.add(SamplerLink::top_k(3));
  expect_error(ErrorCode::usage, "chooses a token", [&] { (void)sample_from(std::move(narrowing)); });
}

TEST_F(SamplerChainTest, ACustomLinkIsAskedAndTold) {
  const auto seen = std::make_shared<Seen>();
  SamplerChain chain;
  chain.add(std::make_unique<Even>(seen)).add(SamplerLink::dist(1));
  EXPECT_THAT(chain.names(), ElementsAre("even", "dist"));
  Sampler sampler = Sampler::of(*model_, std::move(chain));
  std::vector<Token> tokens;
  test::sample_on(sampler, n_vocab_, 30, tokens);
  EXPECT_TRUE(std::ranges::all_of(tokens, [](Token token) { return token % 2 == 0; }));
  EXPECT_EQ(seen->accepted, tokens);
  sampler.reset();
  EXPECT_EQ(seen->resets, 1);
  Sampler twin = sampler.clone();
  EXPECT_EQ(seen->clones, 1);
  EXPECT_EQ(twin.sample(logits_), sampler.sample(logits_));
  expect_error(ErrorCode::unsupported, "chain of one's own", [&] { (void)sampler.snapshot(); });
}

TEST_F(SamplerChainTest, ACustomLinkMayChoose) {
  SamplerChain chain;
  chain.add(std::make_unique<Does>([](Candidates& candidates) {
    EXPECT_FALSE(candidates.selected());
    candidates.select(7);
    EXPECT_EQ(candidates.selected(), 7U);
  }));
  EXPECT_EQ(sample_from(std::move(chain)), 7);
}

TEST_F(SamplerChainTest, WhatACustomLinkThrowsComesOutAsItIs) {
  struct Mine {
    int number;
  };
  int calls = 0;
  SamplerChain chain;
  chain
      .add(std::make_unique<Does>([&](Candidates&) {
        if (++calls == 2) throw Mine{42};
      }))
      .add(SamplerLink::greedy());
  Sampler sampler = Sampler::of(*model_, std::move(chain));
  const Token first = sampler.sample(logits_);
  try {
    (void)sampler.sample(logits_);
    FAIL() << "nothing was thrown";
  } catch (const Mine& mine) {
    EXPECT_EQ(mine.number, 42);
  }
  EXPECT_EQ(sampler.sample(logits_), first) << "it goes on";
}

TEST_F(SamplerChainTest, ACustomLinkCannotBreakTheCandidates) {
  for (const auto& work : std::vector<std::function<void(Candidates&)>>{
           [](Candidates& candidates) { candidates.keep_first(0); },
           [](Candidates& candidates) { candidates.keep_first(candidates.size() + 1); },
           [](Candidates& candidates) { candidates.select(candidates.size()); }}) {
    SamplerChain chain;
    chain.add(std::make_unique<Does>(work)).add(SamplerLink::dist(1));
    expect_error(ErrorCode::usage, "candidates", [&] { (void)sample_from(std::move(chain)); });
  }
}

TEST_F(SamplerChainTest, AGrammarStandsBesideAChain) {
  SamplerChain chain;
  chain.add(SamplerLink::top_k(20)).add(SamplerLink::dist(1));
  Sampler sampler = Sampler::of(*model_, std::move(chain), {.gbnf = R"(root ::= "no")"});
  EXPECT_EQ(model_->vocab().piece(sampler.sample(logits_)), "n");
  EXPECT_EQ(model_->vocab().piece(sampler.sample(logits_)), "o");
}

}  // namespace
}  // namespace plimsoll::engine
