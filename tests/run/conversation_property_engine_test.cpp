// Whatever was done to conversations, what the model says next is what a fresh evaluation of their tokens says.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>

#include "run/batched_executor.hpp"

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

constexpr std::uint32_t kSequences = 3;

constexpr std::array<const char*, 12> kOperations{"begin",      "fork",    "rewind",      "rewind a little",
                                                  "reprefill",  "replace", "cut by hand", "save and load",
                                                  "all logits", "refresh", "infer",       "prompt"};

struct Tracked {
  Conversation conversation;
  std::vector<engine::Token> tokens;
  bool wants_all_logits = false;
};

class World {
 public:
  explicit World(Instance& instance) : executor_(instance), n_vocab_(instance.model()->facts().n_vocab) {}

  // One operation, chosen by `choice`.
  void act(std::uint32_t choice) {
    random_.seed(choice);
    if (all_.empty()) return begin();
    Tracked& one = all_[below(all_.size())];
    const std::size_t operation = below(kOperations.size());
    RC_LOG() << kOperations[operation] << " on sequence " << one.conversation.id() << " of " << one.tokens.size()
             << "\n";
    switch (operation) {
      case 0:
        return begin();
      case 1:
        return fork(one);
      case 2:
        return rewind(one, below(one.tokens.size() + 1));
      case 3:
        return rewind(one, std::min<std::size_t>(one.tokens.size(), below(4)));
      case 4:
        return reprefill(one);
      case 5:
        return replace(one);
      case 6:
        return cut(one);
      case 7:
        return save_and_load(one);
      case 8:
        return all_logits(one);
      case 9:
        one.conversation.refresh();
        return;
      case 10:
        RC_ASSERT(executor_.infer() == engine::DecodeStatus::ok);
        return;
      default:
        return prompt(one, 1 + below(below(3) == 0 ? 50 : 3));
    }
  }

  // Throws where something is not as it must be, so that the counterexample can be made smaller.
  void check(test::FreshEvaluation& fresh) {
    for (Tracked& one : all_) {
      RC_ASSERT(one.conversation.tokens() == one.tokens);
      RC_ASSERT(std::cmp_equal(one.conversation.next_position(), one.tokens.size()));
      if (one.tokens.empty()) continue;
      infer(one);
      if (!one.conversation.has_logits()) one.conversation.refresh();
      infer(one);
      const float difference = test::largest_difference(one.conversation.logits(), fresh.logits(one.tokens));
      RC_LOG() << "sequence " << one.conversation.id() << " of " << one.tokens.size() << " tokens\n";
      RC_ASSERT(difference <= test::kLogitTolerance);
    }
  }

 private:
  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }

  std::vector<engine::Token> some(std::size_t count) {
    std::vector<engine::Token> tokens(count);
    for (engine::Token& token : tokens) token = static_cast<engine::Token>(below(static_cast<std::size_t>(n_vocab_)));
    return tokens;
  }

  void begin() {
    if (executor_.free_sequences() == 0) {
      all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(below(all_.size())));
    } else {
      all_.push_back({.conversation = executor_.create(), .tokens = {}});
    }
  }

  static void infer(Tracked& one) { RC_ASSERT(one.conversation.infer() == engine::DecodeStatus::ok); }

  void prompt(Tracked& one, std::size_t count) {
    if (one.wants_all_logits) infer(one);
    one.wants_all_logits = false;
    if (one.tokens.size() + count > one.conversation.capacity()) return;
    const auto more = some(count);
    one.conversation.prompt(more);
    one.tokens.insert(one.tokens.end(), more.begin(), more.end());
  }

  void fork(Tracked& one) {
    if (executor_.free_sequences() == 0) return;
    Tracked copy{
        .conversation = one.conversation.fork(), .tokens = one.tokens, .wants_all_logits = one.wants_all_logits};
    all_.push_back(std::move(copy));
  }

  void rewind(Tracked& one, std::size_t count) {
    one.conversation.rewind(count);
    one.tokens.resize(one.tokens.size() - count);
  }

  void reprefill(Tracked& one) {
    if (one.tokens.empty()) return;
    const std::size_t keep = below(one.tokens.size());
    const std::size_t count = 1 + below(one.tokens.size() - keep);
    one.conversation.reprefill_without(count, keep);
    const auto first = one.tokens.begin() + static_cast<std::ptrdiff_t>(keep);
    one.tokens.erase(first, first + static_cast<std::ptrdiff_t>(count));
  }

  void replace(Tracked& one) {
    std::vector<engine::Token> tokens(one.tokens.begin(),
                                      one.tokens.begin() + static_cast<std::ptrdiff_t>(below(one.tokens.size() + 1)));
    const auto more = some(1 + below(10));
    if (tokens.size() + more.size() > one.conversation.capacity()) return;
    tokens.insert(tokens.end(), more.begin(), more.end());
    (void)one.conversation.replace(tokens);
    one.tokens = tokens;
  }

  // By hand: the last few.
  void cut(Tracked& one) {
    if (one.conversation.requires_inference() || one.tokens.empty()) return;
    const std::size_t size = one.tokens.size() - std::min(one.tokens.size(), 1 + below(5));
    one.conversation.modify(
        [&](Conversation::MemoryEdit& memory) { RC_ASSERT(memory.remove(static_cast<engine::Position>(size), -1)); });
    one.tokens.resize(size);
  }

  void save_and_load(Tracked& one) {
    const SequenceSnapshot snapshot = one.conversation.save();
    std::vector<engine::Token> tokens = one.tokens;
    all_.erase(all_.begin() + (&one - all_.data()));
    all_.push_back({.conversation = executor_.load(snapshot), .tokens = std::move(tokens)});
  }

  void all_logits(Tracked& one) {
    if (one.conversation.requires_inference() || one.tokens.size() + 3 > one.conversation.capacity()) return;
    const auto more = some(3);
    one.conversation.prompt_all_logits(more);
    one.wants_all_logits = true;
    one.tokens.insert(one.tokens.end(), more.begin(), more.end());
  }

  BatchedExecutor executor_;
  std::int32_t n_vocab_;
  std::mt19937 random_;
  std::vector<Tracked> all_;
};

plan::Request request_for(const std::string& model, bool unified) {
  plan::Request request = test::lively_request(model, kSequences);
  request.dry_run.context.kv_unified = unified;
  request.dry_run.context.n_outputs_max = 6;
  return request;
}

// Plain attention in one cache and in one for each sequence, a sliding window, recurrent, hybrid, experts.
class ConversationPropertyTest : public ::testing::TestWithParam<std::pair<std::string, bool>> {};

TEST_P(ConversationPropertyTest, SaysWhatAFreshEvaluationSays) {
  MemoryAccounting accounting;
  const auto [model, unified] = GetParam();
  const auto instance = test::ready(accounting, request_for(model, unified));
  test::FreshEvaluation fresh(*instance);
  const bool holds = rc::check([&] {
    const auto choices = *rc::gen::resize(24, rc::gen::arbitrary<std::vector<std::uint32_t>>());
    World world(*instance);
    for (const std::uint32_t choice : choices) world.act(choice);
    world.check(fresh);
  });
  EXPECT_TRUE(holds);
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
}

// What one gives back is taken again while the other goes on. The engine lost the first cells of lfm2's other one: it
// has a window, and its micro-batches were planned together.
TEST_P(ConversationPropertyTest, OneThatIsReplacedLeavesTheOtherWhole) {
  MemoryAccounting accounting;
  const auto [model, unified] = GetParam();
  const auto instance = test::ready(accounting, request_for(model, unified));
  test::FreshEvaluation fresh(*instance);
  BatchedExecutor executor(*instance);
  const auto infer = [&] { ASSERT_EQ(executor.infer(), engine::DecodeStatus::ok); };
  const auto tokens = test::some_tokens(48);
  // `before`, `after`: tokens of the one that is replaced; `decoded`: both are in memory then, else after one batch.
  const auto replace_beside = [&](std::size_t before, std::size_t after, bool decoded) {
    SCOPED_TRACE(testing::Message() << before << " tokens, then " << after << (decoded ? ", decoded" : ""));
    Conversation replaced = executor.create();
    Conversation other = executor.create();
    const auto others = test::some_tokens(after, 77);
    replaced.prompt(test::some_tokens(before, 7));
    other.prompt(std::span(tokens).first(36));
    infer();
    while (decoded && (replaced.requires_inference() || other.requires_inference())) infer();
    (void)replaced.replace(others);
    other.prompt(std::span(tokens).subspan(36));
    while (replaced.requires_inference() || other.requires_inference()) infer();
    EXPECT_LE(test::largest_difference(other.logits(), fresh.logits(tokens)), test::kLogitTolerance);
    EXPECT_LE(test::largest_difference(replaced.logits(), fresh.logits(others)), test::kLogitTolerance);
  };
  for (std::size_t before = 16; before < 36; before += 4) {
    for (std::size_t after = 9; after <= 25; after += 4) {
      replace_beside(before, after, false);
      replace_beside(before, after, true);
    }
  }
}

TEST_P(ConversationPropertyTest, TheToleranceTellsOneTokenFromAnother) {
  MemoryAccounting accounting;
  const auto [model, unified] = GetParam();
  const auto instance = test::ready(accounting, request_for(model, unified));
  test::FreshEvaluation fresh(*instance);
  std::vector<engine::Token> tokens = test::some_tokens(20);
  const std::vector<float> right = fresh.logits(tokens);
  tokens[17] += 1;
  EXPECT_GT(test::largest_difference(right, fresh.logits(tokens)), 10 * test::kLogitTolerance);
}

using Model = std::pair<std::string, bool>;
INSTANTIATE_TEST_SUITE_P(Models, ConversationPropertyTest,
                         ::testing::Values(Model("llama-dense", true), Model("llama-dense", false),
                                           Model("gemma3-dense", true), Model("gemma3-dense", false),
                                           Model("mamba-dense", false), Model("jamba-dense", false),
                                           Model("lfm2-dense", true), Model("olmoe-moe", false)),
                         [](const auto& one) {
                           std::string name = one.param.first + (one.param.second ? "_unified" : "");
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace plimsoll::run
