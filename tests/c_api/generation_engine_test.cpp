// Generations through the C interface: pulled, by callback, stopped, closed in their own callbacks, used twice at once.
#include <nlohmann/json.hpp>

#include <functional>
#include <stdexcept>
#include <thread>

#include "demo_runtime.hpp"

namespace plimsoll::test {
namespace {

using Json = nlohmann::json;
using Function = std::function<std::int32_t(const char*, std::uint64_t)>;

std::int32_t call_function(void* data, const char* piece, std::uint64_t length) {
  return (*static_cast<Function*>(data))(piece, length);
}
std::int32_t call_count(void* data, std::uint64_t done, std::uint64_t of) {
  return (*static_cast<std::function<std::int32_t(std::uint64_t, std::uint64_t)>*>(data))(done, of);
}

plimsoll_error* each(plimsoll_generation* generation, Function function) {
  return plimsoll_generation_each(generation, &call_function, &function);
}

plimsoll_generation_info info_of(plimsoll_generation* generation) {
  plimsoll_generation_info info{};
  info.size = sizeof info;
  expect_ok(plimsoll_generation_info_get(generation, &info));
  return info;
}

TEST_F(CApi, PullingCallbackAndRestGiveTheSameText) {
  open();
  const std::string whole = answer("Day 12.", greedy());
  ASSERT_FALSE(whole.empty());

  plimsoll_generation* const pulled = generate("Day 12.", greedy());
  std::string text;
  const char* piece = nullptr;
  std::uint64_t length = 0;
  int pieces = 0;
  while (true) {
    expect_ok(plimsoll_generation_next(pulled, &piece, &length));
    if (piece == nullptr) break;
    EXPECT_GT(length, 0U);
    EXPECT_EQ(piece[length], '\0');
    text.append(piece, length);
    ++pieces;
  }
  EXPECT_EQ(text, whole);
  EXPECT_GT(pieces, 1);
  EXPECT_EQ(length, 0U);
  expect_ok(plimsoll_generation_next(pulled, &piece, nullptr));  // it stays at its end
  EXPECT_EQ(piece, nullptr);
  const plimsoll_generation_info info = info_of(pulled);
  EXPECT_EQ(info.finish_reason, PLIMSOLL_FINISH_LENGTH);
  EXPECT_EQ(info.generated_tokens, 12);
  EXPECT_GT(info.prompt_tokens, 0);
  std::int32_t* tokens = nullptr;
  std::uint64_t count = 0;
  expect_ok(plimsoll_generation_tokens(pulled, &tokens, &count));
  EXPECT_EQ(count, 12U);
  expect_ok(plimsoll_free(tokens));
  expect_ok(plimsoll_generation_close(pulled));

  plimsoll_generation* const told = generate("Day 12.", greedy());
  text.clear();
  expect_ok(each(told, [&](const char* part, std::uint64_t bytes) {
    text.append(part, bytes);
    return 0;
  }));
  EXPECT_EQ(text, whole);
  expect_ok(plimsoll_generation_close(told));
}

TEST_F(CApi, AGenerationHoldsItsModel) {
  open();
  const std::string whole = answer("Day 12.", greedy());
  plimsoll_generation* const generation = generate("Day 12.", greedy());
  std::string text;
  expect_ok(each(generation, [&](const char* part, std::uint64_t) {
    if (text.empty()) {
      expect_ok(plimsoll_model_close(model));
      expect_ok(plimsoll_runtime_close(runtime));
      model = nullptr;
      runtime = nullptr;
    }
    text += part;
    return 0;
  }));
  EXPECT_EQ(text, whole);
  expect_ok(plimsoll_generation_close(generation));
}

TEST_F(CApi, ACallbackThatSaysNoEndsIt) {
  open();
  plimsoll_generation* const generation = generate("Day 12.", greedy(200));
  int calls = 0;
  expect_ok(each(generation, [&](const char*, std::uint64_t) { return ++calls == 3 ? 1 : 0; }));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(info_of(generation).finish_reason, PLIMSOLL_FINISH_CANCELLED);
  expect_ok(plimsoll_generation_close(generation));
  EXPECT_FALSE(answer("Day 12.", greedy()).empty());
}

TEST_F(CApi, ACallbackThatThrowsEndsItWithItsWords) {
  open();
  plimsoll_generation* const generation = generate("Day 12.", greedy(200));
  expect_code(PLIMSOLL_CALLBACK_FAILED, "over board", each(generation, [](const char*, std::uint64_t) -> std::int32_t {
                throw std::runtime_error("over board");
              }));
  const char* piece = nullptr;
  expect_ok(plimsoll_generation_next(generation, &piece, nullptr));
  EXPECT_EQ(piece, nullptr);
  EXPECT_EQ(info_of(generation).finish_reason, PLIMSOLL_FINISH_CANCELLED);
  expect_ok(plimsoll_generation_close(generation));
  plimsoll_generation* const another = generate("Day 12.", greedy());
  expect_code(PLIMSOLL_CALLBACK_FAILED, "not a std::exception",
              each(another, [](const char*, std::uint64_t) -> std::int32_t { throw 7; }));
  expect_ok(plimsoll_generation_close(another));
  EXPECT_FALSE(answer("Day 12.", greedy()).empty());
}

TEST_F(CApi, AGenerationMayBeClosedInItsOwnCallback) {
  open();
  plimsoll_generation* const generation = generate("Day 12.", greedy(200));
  int calls = 0;
  expect_code(PLIMSOLL_CANCELLED, "this generation was closed while it was at work",
              each(generation, [&](const char*, std::uint64_t) {
                ++calls;
                expect_ok(plimsoll_generation_close(generation));
                expect_code(PLIMSOLL_USAGE, "this generation was closed already",
                            plimsoll_generation_close(generation));
                return 0;
              }));
  EXPECT_EQ(calls, 1);
  const char* piece = nullptr;
  expect_code(PLIMSOLL_USAGE, "this generation was closed already",
              plimsoll_generation_next(generation, &piece, nullptr));
  EXPECT_FALSE(answer("Day 12.", greedy()).empty());  // its sequence is free again
}

TEST_F(CApi, AGenerationCannotBeReadFromItsOwnCallback) {
  open();
  plimsoll_generation* const generation = generate("Day 12.", greedy());
  expect_ok(each(generation, [&](const char*, std::uint64_t) {
    const char* piece = nullptr;
    expect_code(PLIMSOLL_USAGE, "from inside its own callback", plimsoll_generation_next(generation, &piece, nullptr));
    expect_code(PLIMSOLL_USAGE, "from inside its own callback",
                each(generation, [](const char*, std::uint64_t) { return 0; }));
    EXPECT_GT(info_of(generation).generated_tokens, 0);  // but looked at
    return 0;
  }));
  expect_ok(plimsoll_generation_close(generation));
}

TEST_F(CApi, AnotherThreadIsToldThatItIsInUse) {
  open();
  plimsoll_generation* const generation = generate("Day 12.", greedy());
  bool asked = false;
  expect_ok(each(generation, [&](const char*, std::uint64_t) {
    if (!std::exchange(asked, true)) {
      std::jthread([&] {
        const char* piece = nullptr;
        expect_code(PLIMSOLL_USAGE, "this generation is in use by another thread",
                    plimsoll_generation_next(generation, &piece, nullptr));
        EXPECT_EQ(piece, nullptr);
      }).join();
    }
    return 0;
  }));
  EXPECT_TRUE(asked);
  expect_ok(plimsoll_generation_close(generation));
}

TEST_F(CApi, AnotherThreadMayStopAndCloseIt) {
  open();
  for (const bool close : {false, true}) {
    plimsoll_generation* const generation = generate("Day 12.", greedy(400));
    bool asked = false;
    plimsoll_error* const error = each(generation, [&](const char*, std::uint64_t) {
      if (!std::exchange(asked, true)) {
        std::jthread([&] {
          expect_ok(close ? plimsoll_generation_close(generation) : plimsoll_generation_stop(generation));
        }).join();
      }
      return 0;
    });
    expect_code(close ? PLIMSOLL_CANCELLED : PLIMSOLL_OK, "", error);
    if (!close) {
      EXPECT_EQ(info_of(generation).finish_reason, PLIMSOLL_FINISH_CANCELLED);
      EXPECT_LT(info_of(generation).generated_tokens, 400);
      expect_ok(plimsoll_generation_close(generation));
    }
  }
}

TEST_F(CApi, PromptProgressIsToldAndMayEndIt) {
  open();
  std::vector<std::uint64_t> seen_done;
  std::function<std::int32_t(std::uint64_t, std::uint64_t)> told = [&](std::uint64_t done, std::uint64_t of) {
    EXPECT_LE(done, of);
    seen_done.push_back(done);
    return 0;
  };
  plimsoll_generation_options options = greedy();
  options.prompt_progress = &call_count;
  options.user_data = &told;
  const std::string prompt(400, 'a');
  EXPECT_FALSE(answer(prompt.c_str(), options).empty());
  ASSERT_FALSE(seen_done.empty());

  told = [](std::uint64_t, std::uint64_t) { return 1; };
  plimsoll_generation* generation = generate(prompt.c_str(), options);
  const char* piece = nullptr;
  expect_ok(plimsoll_generation_next(generation, &piece, nullptr));
  EXPECT_EQ(piece, nullptr);
  EXPECT_EQ(info_of(generation).finish_reason, PLIMSOLL_FINISH_CANCELLED);
  expect_ok(plimsoll_generation_close(generation));

  told = [](std::uint64_t, std::uint64_t) -> std::int32_t { throw std::runtime_error("in the loop"); };
  generation = generate(prompt.c_str(), options);
  expect_code(PLIMSOLL_CALLBACK_FAILED, "in the loop", plimsoll_generation_next(generation, &piece, nullptr));
  expect_ok(plimsoll_generation_close(generation));
}

TEST_F(CApi, AQuietCallbackMayCloseEverythingThatItsCallUses) {
  open(2);
  plimsoll_conversation* beside = nullptr;
  expect_ok(plimsoll_conversation_open(model, 0, nullptr, &beside));
  plimsoll_generation* generation = nullptr;
  std::function<std::int32_t(std::uint64_t, std::uint64_t)> told = [&](std::uint64_t, std::uint64_t) {
    char* text = nullptr;
    expect_code(PLIMSOLL_USAGE, "inside a callback of this kind", plimsoll_model_json(model, &text));
    expect_ok(plimsoll_generation_close(generation));
    expect_ok(plimsoll_conversation_close(beside));
    expect_ok(plimsoll_model_close(model));
    return 0;
  };
  plimsoll_generation_options options = greedy();
  options.prompt_progress = &call_count;
  options.user_data = &told;
  generation = generate("Day 12.", options);
  const char* piece = nullptr;
  expect_code(PLIMSOLL_CANCELLED, "this generation was closed while it was at work",
              plimsoll_generation_next(generation, &piece, nullptr));
  model = nullptr;
  open();  // everything was given back
  EXPECT_FALSE(answer("Day 12.", greedy()).empty());
}

TEST_F(CApi, StopStringsAndSchemasHold) {
  open();
  plimsoll_generation_options options = greedy(40);
  const std::string whole = answer("Day 12.", options);
  const std::string stop = whole.substr(whole.size() / 2, 3);
  const char* const strings[] = {stop.c_str()};
  options.stop_strings = strings;
  options.n_stop_strings = 1;
  plimsoll_generation* const generation = generate("Day 12.", options);
  char* text = nullptr;
  expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
  EXPECT_EQ(taken(text), whole.substr(0, whole.find(stop)));
  EXPECT_EQ(info_of(generation).finish_reason, PLIMSOLL_FINISH_STOP_STRING);
  expect_ok(plimsoll_generation_stop_string(generation, &text));
  EXPECT_EQ(taken(text), stop);
  expect_ok(plimsoll_generation_close(generation));

  options = greedy(100);
  options.json_schema = R"({"type": "object", "properties": {"day": {"type": "integer", "minimum": 1, "maximum": 31}},
                            "required": ["day"], "additionalProperties": false})";
  const Json json = Json::parse(answer("Day 12.", options), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_TRUE(json.at("day").is_number_integer());
}

TEST_F(CApi, SamplingTakesEveryParameterByName) {
  open();
  plimsoll_generation_options options = greedy();
  const std::string plain = answer("Day 12.", options);
  std::int32_t* tokens = nullptr;
  std::uint64_t count = 0;
  plimsoll_generation* const generation = generate("Day 12.", options);
  char* text = nullptr;
  expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
  expect_ok(plimsoll_free(text));
  expect_ok(plimsoll_generation_tokens(generation, &tokens, &count));
  const std::string forbid = R"({"logit_bias": [[)" + std::to_string(tokens[0]) + ", false]]}";
  expect_ok(plimsoll_free(tokens));
  expect_ok(plimsoll_generation_close(generation));
  options.sampling = forbid.c_str();
  EXPECT_NE(answer("Day 12.", options), plain);
  options.temperature = 5;
  options.sampling = R"({"temperature": 0})";
  EXPECT_EQ(answer("Day 12.", options), plain);
}

TEST_F(CApi, GenerationOptionsThatMeanNothingAreNamed) {
  open();
  const auto expect_refused = [&](const std::string& words, const plimsoll_generation_options& options) {
    plimsoll_generation* generation = nullptr;
    expect_code(PLIMSOLL_USAGE, words, plimsoll_model_generate(model, "x", -1, &options, &generation));
    EXPECT_EQ(generation, nullptr);
  };
  plimsoll_generation_options options = greedy();
  options.sampling = "{temperature";
  expect_refused("'sampling' is not JSON", options);
  options.sampling = R"({"temperatur": 1})";
  expect_refused("temperatur", options);
  options = greedy();
  options.overflow = 4;
  expect_refused("there is no overflow strategy 4", options);
  options = greedy();
  options.grammar = "root ::= \"a\"";
  options.json_schema = "{}";
  expect_refused("a grammar or a schema, not both", options);
  options = greedy();
  options.patience_ms = -2;
  expect_refused("a patience of -2 ms", options);
  options = greedy();
  options.top_p = 7;
  expect_refused("", options);
  plimsoll_generation* generation = nullptr;
  expect_code(PLIMSOLL_USAGE, "the prompt is NULL", plimsoll_model_generate(model, nullptr, -1, nullptr, &generation));
  expect_code(PLIMSOLL_USAGE, "the prompt has 4294967295 bytes",
              plimsoll_model_generate(model, "x", 0xFFFFFFFFLL, nullptr, &generation));
  generation = generate("Day 12.", greedy());
  expect_code(PLIMSOLL_USAGE, "the function for the pieces is NULL",
              plimsoll_generation_each(generation, nullptr, nullptr));
  expect_ok(plimsoll_generation_close(generation));
}

TEST_F(CApi, WhereEverySequenceIsTakenPatienceDecides) {
  open();
  plimsoll_conversation* conversation = nullptr;
  expect_ok(plimsoll_conversation_open(model, 0, nullptr, &conversation));
  plimsoll_generation* generation = nullptr;
  plimsoll_generation_options options = greedy();
  const auto begin = [&] { return plimsoll_model_generate(model, "Day 12.", -1, &options, &generation); };
  expect_code(PLIMSOLL_BUSY, "every sequence", begin());
  options.patience_ms = 20;
  expect_code(PLIMSOLL_BUSY, "every sequence", begin());
  options.patience_ms = -1;
  std::jthread closing([&] { expect_ok(plimsoll_conversation_close(conversation)); });
  expect_ok(begin());
  expect_ok(plimsoll_generation_close(generation));
}

}  // namespace
}  // namespace plimsoll::test
