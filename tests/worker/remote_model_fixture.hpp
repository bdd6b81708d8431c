// RemoteModelTest: mate-chat in a process of its own, beside what it says in this one.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "run/generation.hpp"

#include "expect_error.hpp"
#include "lone_model.hpp"
#include "small_models.hpp"

namespace plimsoll::worker {

using run::Conversation;
using run::Generation;
using run::GenerationParams;

class RemoteModelTest : public testing::Test {
 protected:
  static plan::Request request() { return test::demo_request("mate-chat", 4); }

  void open(const Limits& limits = {}) { lone.emplace(open_request(request()), worker_options(limits)); }
  // In whose process what has this token in its prompt goes wrong.
  void open_with_fault(const std::string& how, const Limits& limits = {}) {
    setenv("PLIMSOLL_TEST_WORKER_FAULT", (how + "@" + std::to_string(poison())).c_str(), 1);
    open(limits);
  }
  void TearDown() override { unsetenv("PLIMSOLL_TEST_WORKER_FAULT"); }  // every life of the process has it
  engine::Token poison() {
    if (!lone) open();
    return tokens("Nothing but §").back();
  }
  std::vector<engine::Token> tokens(const std::string& text) {
    return lone->model.vocabulary()->vocab().tokenize(text, true, true);
  }
  GenerationParams params(engine::SamplingParams sampling = {.temperature = 0},
                          const std::string& prompt = "Day 12. The wind is") {
    GenerationParams out{.prompt = tokens(prompt), .predict = 60, .sampling = std::move(sampling)};
    out.ignore_end_of_generation = true;
    return out;
  }
  std::string local(GenerationParams asked) {
    run::MemoryAccounting accounting;
    const auto instance = test::ready(accounting, test::demo_request("mate-chat", 4));
    run::BatchedExecutor executor(*instance);
    Generation generation(executor.create(), std::move(asked));
    return stream(generation);
  }
  std::string stream_of(GenerationParams asked) {
    Generation generation(lone->model.create(), std::move(asked));
    return stream(generation);
  }
  // Where a request with the fault in it is under way beside another one.
  void expect_crash(const std::string& how, const Limits& limits = {}) {
    open();
    const std::string expected = local(params());
    open_with_fault(how, limits);
    std::string innocent;
    std::jthread other([&] {
      try {
        Generation generation(lone->model.create(), params());
        innocent = stream(generation);
      } catch (const Error& error) {
        innocent = error.what();
      }
    });
    GenerationParams asked = params({.temperature = 0}, "Nothing but §");
    Generation generation(lone->model.create(), std::move(asked));
    test::expect_error(ErrorCode::model_crashed, "twice", [&] { (void)stream(generation); });
    other.join();
    EXPECT_EQ(innocent, expected) << how;
    EXPECT_EQ(lone->deaths, 2) << how;
    Generation after(lone->model.create(), params());
    EXPECT_EQ(stream(after), expected) << how;
  }

  std::optional<LoneModel> lone;
};

}  // namespace plimsoll::worker
