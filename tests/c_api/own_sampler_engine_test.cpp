// Samplers of a program's own through the C interface: what they see, what they choose, and what they cannot break.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "demo_runtime.hpp"

namespace plimsoll::test {
namespace {

using Sample = std::function<std::int32_t(plimsoll_candidates&)>;

// A sampler as a program has it: functions, and what they know.
struct OwnSampler {
  Sample sample;
  std::vector<std::int32_t> accepted{};

  void into(plimsoll_generation_options& options) {
    options.sampler_data = this;
    options.sample = [](void* data, plimsoll_candidates* candidates) {
      return static_cast<OwnSampler*>(data)->sample(*candidates);
    };
    options.accept = [](void* data, std::int32_t token) { static_cast<OwnSampler*>(data)->accepted.push_back(token); };
  }
};

// Several tokens are left of each choice.
plimsoll_generation_options wide(std::int32_t predict = 12) {
  plimsoll_generation_options options = greedy(predict);
  options.top_k = 5;
  options.top_p = 1;
  options.min_p = 0;
  return options;
}

std::int32_t second_likeliest(plimsoll_candidates& candidates) {
  candidates.selected = 1;
  return 0;
}

std::span<plimsoll_candidate> all_of(plimsoll_candidates& candidates) { return {candidates.list, candidates.count}; }

class CApiOwnSampler : public CApi {
 protected:
  void SetUp() override {
    CApi::SetUp();
    open(2);
  }
  [[nodiscard]] std::vector<std::int32_t> tokens_of(plimsoll_generation* generation) const {
    std::int32_t* tokens = nullptr;
    std::uint64_t count = 0;
    expect_ok(plimsoll_generation_tokens(generation, &tokens, &count));
    std::vector<std::int32_t> out(tokens, tokens + count);
    expect_ok(plimsoll_free(tokens));
    return out;
  }
  [[nodiscard]] std::vector<std::int32_t> tokenized(const std::string& text) const {
    std::int32_t* tokens = nullptr;
    std::uint64_t count = 0;
    expect_ok(plimsoll_model_tokenize(model, text.c_str(), -1, 1, &tokens, &count));
    std::vector<std::int32_t> out(tokens, tokens + count);
    expect_ok(plimsoll_free(tokens));
    return out;
  }
  [[nodiscard]] std::string with(Sample sample, plimsoll_generation_options options) {
    OwnSampler own{.sample = std::move(sample)};
    own.into(options);
    return answer("Day 12.", options);
  }
  // What a call fails with whose sampler does that; what was generated before it is there, and the model goes on.
  void expect_refused(plimsoll_code code, const std::string& words, Sample sample) {
    SCOPED_TRACE(words);
    plimsoll_generation_options options = greedy();
    options.sampler_place = PLIMSOLL_SAMPLER_FIRST;
    int calls = 0;
    OwnSampler own{.sample = [&](plimsoll_candidates& candidates) { return ++calls < 4 ? 0 : sample(candidates); }};
    own.into(options);
    plimsoll_generation* const generation = generate("Day 12.", options);
    char* text = nullptr;
    expect_code(code, words, plimsoll_generation_rest(generation, &text, nullptr));
    EXPECT_EQ(text, nullptr);
    EXPECT_EQ(tokens_of(generation).size(), 3U);
    expect_ok(plimsoll_generation_close(generation));
    EXPECT_EQ(answer("Day 12.", greedy()), plain);
  }

  std::string plain;
};

TEST_F(CApiOwnSampler, OneThatDoesNothingChangesNothing) {
  for (const std::int32_t place : {PLIMSOLL_SAMPLER_LAST, PLIMSOLL_SAMPLER_FIRST}) {
    for (const float temperature : {0.0F, 0.8F}) {
      plimsoll_generation_options options = greedy(24);
      options.temperature = temperature;
      options.seed = 7;
      options.penalty_repeat = 1.3F;  // which look at the prompt, too
      const std::string expected = answer("Day 12. Day 12. Day 12.", options);
      options.sampler_place = place;
      OwnSampler own{.sample = [](plimsoll_candidates&) { return 0; }};
      own.into(options);
      EXPECT_EQ(answer("Day 12. Day 12. Day 12.", options), expected) << place << ", " << temperature;
    }
  }
}

TEST_F(CApiOwnSampler, ItSeesWhatItsPlaceSees) {
  plimsoll_model_info info{};
  info.size = sizeof info;
  expect_ok(plimsoll_model_info_get(model, &info));
  plimsoll_generation_options options = wide(3);
  for (const float temperature : {0.0F, 1.0F}) {
    options.temperature = temperature;
    for (const bool first : {false, true}) {
      options.sampler_place = first ? PLIMSOLL_SAMPLER_FIRST : PLIMSOLL_SAMPLER_LAST;
      int calls = 0;
      EXPECT_FALSE(with(
                       [&](plimsoll_candidates& candidates) {
                         ++calls;
                         EXPECT_EQ(candidates.size, sizeof candidates);
                         EXPECT_EQ(candidates.selected, -1);
                         EXPECT_EQ(candidates.count, first ? static_cast<std::uint64_t>(info.n_vocab) : 5U);
                         EXPECT_EQ(candidates.sorted != 0, !first);
                         return 0;
                       },
                       options)
                       .empty());
      EXPECT_EQ(calls, 3);
    }
  }
}

TEST_F(CApiOwnSampler, ItChoosesChangesAndLeavesOut) {
  plimsoll_generation_options options = wide();
  const std::string chosen = with(second_likeliest, options);
  EXPECT_NE(chosen, answer("Day 12.", greedy()));
  const auto without_the_likeliest = [](plimsoll_candidates& candidates) {
    std::swap(candidates.list[0], candidates.list[candidates.count - 1]);
    std::swap(candidates.list[0], candidates.list[1]);
    --candidates.count;
    return 0;
  };
  EXPECT_EQ(with(without_the_likeliest, options), chosen);
  const auto forbids_the_likeliest = [](plimsoll_candidates& candidates) {
    candidates.list[0].logit = -std::numeric_limits<float>::infinity();
    return 0;
  };
  EXPECT_EQ(with(forbids_the_likeliest, options), chosen);
  // Also where what chooses draws, and from the first place.
  options.temperature = 1.5F;
  options.sampler_place = PLIMSOLL_SAMPLER_FIRST;
  const auto likeliest = [](plimsoll_candidates& candidates) {
    const auto all = all_of(candidates);
    candidates.selected = std::ranges::max_element(all, {}, &plimsoll_candidate::logit) - all.begin();
    return 0;
  };
  EXPECT_EQ(with(likeliest, options), answer("Day 12.", greedy()));
}

TEST_F(CApiOwnSampler, ItIsToldThePromptAndEveryChoice) {
  plimsoll_generation_options options = greedy();
  OwnSampler own;
  own.into(options);
  options.sample = nullptr;  // it only listens
  plimsoll_generation* const generation = generate("Day 12.", options);
  char* text = nullptr;
  expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
  EXPECT_EQ(taken(text), answer("Day 12.", greedy()));
  std::vector<std::int32_t> expected = tokenized("Day 12.");
  expected.append_range(tokens_of(generation));
  EXPECT_EQ(own.accepted, expected);
  expect_ok(plimsoll_generation_close(generation));
}

TEST_F(CApiOwnSampler, AGrammarHoldsOverItsChoice) {
  plimsoll_generation_options options = greedy(2);
  options.grammar = "root ::= \"ahoy\"";
  options.temperature = 1;
  int calls = 0;
  const std::string said = with(
      [&](plimsoll_candidates& candidates) {
        ++calls;
        candidates.selected = 0;
        return 0;
      },
      options);
  EXPECT_TRUE(std::string("ahoy").starts_with(said) && !said.empty()) << said;
  EXPECT_GE(calls, 2);
}

TEST_F(CApiOwnSampler, ItMayReadTokensAndNotDecode) {
  std::string refused;
  plimsoll_generation_options options = greedy(40);
  options.sampler_place = PLIMSOLL_SAMPLER_FIRST;
  const std::string said = with(
      [&](plimsoll_candidates& candidates) {
        for (plimsoll_candidate& one : all_of(candidates)) {
          char* text = nullptr;
          expect_ok(plimsoll_model_text_of(model, &one.token, 1, 0, &text, nullptr));
          if (taken(text).find_first_of("eE") != std::string::npos) one.logit = -std::numeric_limits<float>::infinity();
        }
        plimsoll_generation* another = nullptr;
        refused = seen(plimsoll_model_generate(model, "x", -1, nullptr, &another)).message;
        return 0;
      },
      options);
  EXPECT_FALSE(said.empty());
  EXPECT_EQ(said.find_first_of("eE"), std::string::npos) << said;
  EXPECT_NE(refused.find("inside a callback of this kind"), std::string::npos) << refused;
}

TEST_F(CApiOwnSampler, WhatBreaksTheListIsNamedAndChoosesNothing) {
  plain = answer("Day 12.", greedy());
  const auto expect_broken = [&](const std::string& words, Sample sample) {
    expect_refused(PLIMSOLL_USAGE, words, [sample = std::move(sample)](plimsoll_candidates& candidates) {
      (void)sample(candidates);
      return 0;
    });
  };
  expect_broken("candidates it left 0", [](auto& it) { return it.count = 0; });
  expect_broken("candidates it left", [](auto& it) { return ++it.count; });
  expect_broken("it chose number 1000000", [](auto& it) { return it.selected = 1000000; });
  expect_broken("it chose number -2", [](auto& it) { return it.selected = -2; });
  expect_broken("it chose number 4294967295", [](auto& it) { return it.selected = 0xFFFFFFFFLL; });  // -1 of 32 bits
  expect_broken("token 5 was not among its candidates, or stands there twice", [](auto& it) {
    it.list[0].token = 5;
    it.list[1].token = 5;
    return 0;
  });
  expect_broken("token 2147483647 was not among", [](auto& it) { return it.list[3].token = 2147483647; });
  expect_broken("token -1 was not among", [](auto& it) { return it.list[3].token = -1; });
  expect_broken("is not a number", [](auto& it) {
    it.list[3].logit = std::nanf("");
    return 0;
  });
  expect_broken("every token that it left is forbidden", [](auto& it) {
    for (plimsoll_candidate& one : all_of(it)) one.logit = -std::numeric_limits<float>::infinity();
    return 0;
  });
  static plimsoll_candidate elsewhere{.token = 1, .logit = 1, .p = 0};
  expect_broken("its list of candidates is another one", [](auto& it) {
    it.list = &elsewhere;
    it.count = 1;
    return 0;
  });
}

TEST_F(CApiOwnSampler, WhatItLetsOutArrives) {
  plain = answer("Day 12.", greedy());
  expect_refused(PLIMSOLL_CALLBACK_FAILED, "over board",
                 [](plimsoll_candidates&) -> std::int32_t { throw std::runtime_error("over board"); });
  expect_refused(PLIMSOLL_CALLBACK_FAILED, "not a std::exception", [](plimsoll_candidates& candidates) -> std::int32_t {
    candidates.count = 0;
    throw 7;
  });
  plimsoll_generation_options options = greedy();
  options.accept = [](void*, std::int32_t) { throw std::runtime_error("while told"); };
  plimsoll_generation* const generation = generate("Day 12.", options);
  char* text = nullptr;
  expect_code(PLIMSOLL_CALLBACK_FAILED, "while told", plimsoll_generation_rest(generation, &text, nullptr));
  expect_ok(plimsoll_generation_close(generation));
}

TEST_F(CApiOwnSampler, NotZeroMakesATokenTheLast) {
  plimsoll_generation_options options = greedy(40);
  int calls = 0;
  OwnSampler own{.sample = [&](plimsoll_candidates&) { return ++calls == 5 ? 1 : 0; }};
  own.into(options);
  plimsoll_generation* const generation = generate("Day 12.", options);
  char* text = nullptr;
  expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
  EXPECT_EQ(taken(text), answer("Day 12.", greedy(5)));
  plimsoll_generation_info info{};
  info.size = sizeof info;
  expect_ok(plimsoll_generation_info_get(generation, &info));
  EXPECT_EQ(info.finish_reason, PLIMSOLL_FINISH_CANCELLED);
  EXPECT_EQ(info.generated_tokens, 5);
  expect_ok(plimsoll_generation_close(generation));
}

TEST_F(CApiOwnSampler, ItMayCloseEverythingThatItsCallUses) {
  plimsoll_generation_options options = greedy(40);
  plimsoll_generation* generation = nullptr;
  int calls = 0;
  OwnSampler own{.sample = [&](plimsoll_candidates& candidates) {
    ++calls;
    char* text = nullptr;
    expect_ok(plimsoll_generation_close(generation));
    expect_ok(plimsoll_model_close(model));
    expect_code(PLIMSOLL_USAGE, "this model was closed already",
                plimsoll_model_text_of(model, &candidates.list[0].token, 1, 0, &text, nullptr));
    return 0;
  }};
  own.into(options);
  generation = generate("Day 12.", options);
  char* text = nullptr;
  expect_code(PLIMSOLL_CANCELLED, "closed while it was at work", plimsoll_generation_rest(generation, &text, nullptr));
  EXPECT_EQ(calls, 1);
  model = nullptr;
  open();  // everything was given back
  EXPECT_FALSE(answer("Day 12.", greedy()).empty());
}

TEST_F(CApiOwnSampler, AConversationAndAChatHaveOneToo) {
  plimsoll_generation_options options = wide();
  const std::string expected = with(second_likeliest, options);
  OwnSampler own{.sample = second_likeliest};
  own.into(options);
  plimsoll_conversation* conversation = nullptr;
  expect_ok(plimsoll_conversation_open(model, 0, nullptr, &conversation));
  plimsoll_generation* generation = nullptr;
  expect_ok(plimsoll_conversation_generate(conversation, "Day 12.", -1, &options, &generation));
  char* text = nullptr;
  expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
  EXPECT_EQ(taken(text), expected);
  expect_ok(plimsoll_generation_close(generation));
  expect_ok(plimsoll_conversation_close(conversation));

  plimsoll_chat* chat = nullptr;
  expect_ok(plimsoll_chat_open(model, nullptr, &chat));
  own.accepted.clear();
  expect_ok(plimsoll_chat_say(chat, "Ahoy", -1, &options, &generation));
  expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
  EXPECT_FALSE(taken(text).empty());
  EXPECT_GT(own.accepted.size(), 12U);  // the chat's prompt as well
  expect_ok(plimsoll_generation_close(generation));
  expect_ok(plimsoll_chat_close(chat));
}

TEST_F(CApiOwnSampler, AProgramOfBeforeHasNone) {
  plimsoll_generation_options options;
  std::memset(&options, 0xFF, sizeof options);  // what lies behind an older program's struct is not read
  constexpr std::size_t kOlder = offsetof(plimsoll_generation_options, sample);
  expect_ok(plimsoll_generation_options_init(&options, kOlder));
  options.predict = 12;
  options.temperature = 0;
  EXPECT_EQ(answer("Day 12.", options), answer("Day 12.", greedy()));
  options = greedy();
  options.sampler_place = 2;
  plimsoll_generation* generation = nullptr;
  expect_code(PLIMSOLL_USAGE, "there is no place 2 for a sampler",
              plimsoll_model_generate(model, "x", -1, &options, &generation));
  options = greedy();
  options.reserved = 1;
  expect_code(PLIMSOLL_USAGE, "reserved", plimsoll_model_generate(model, "x", -1, &options, &generation));
}

}  // namespace
}  // namespace plimsoll::test
