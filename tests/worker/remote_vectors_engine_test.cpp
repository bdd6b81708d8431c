// Vectors of a model in a process of its own, and what becomes of them where that process dies.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "run/embedder.hpp"

#include "expect_error.hpp"
#include "lone_model.hpp"
#include "small_models.hpp"

namespace plimsoll::worker {
namespace {

class RemoteVectorsTest : public testing::Test {
 protected:
  using Inputs = std::vector<std::vector<engine::Token>>;

  static plan::Request request() {
    plan::Request out = test::demo_request("mate-chat", 2);
    run::plan_for_embeddings(out.dry_run, engine::Pooling::mean);
    return out;
  }
  // In whose process an input with this one's last token goes wrong.
  void open_with_fault(const std::string& how, const std::string& text,
                       const WorkerOptions& options = worker_options()) {
    open();
    setenv("PLIMSOLL_TEST_WORKER_FAULT", (how + "@" + std::to_string(tokens(text).back())).c_str(), 1);
    lone.reset();
    open(options);
  }
  void open(const WorkerOptions& options = worker_options()) { lone.emplace(open_request(request()), options); }
  void TearDown() override { unsetenv("PLIMSOLL_TEST_WORKER_FAULT"); }  // every life of the process has it

  std::vector<engine::Token> tokens(const std::string& text) {
    return lone->model.vocabulary()->vocab().tokenize(text, true, true);
  }
  std::vector<float> vector_of(const std::string& text) {
    const Inputs inputs{tokens(text)};
    return lone->model.embed(inputs, {}).front().values;
  }

  std::optional<LoneModel> lone;
};

TEST_F(RemoteVectorsTest, TheyAreAskedForAgainWhereTheProcessIsKilled) {
  open();
  const std::vector<float> expected = vector_of("Day 12.");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(lone->process.kill());
    EXPECT_EQ(vector_of("Day 12."), expected);
  }
}

TEST_F(RemoteVectorsTest, AnInputThatAbortsTwiceIsNotTriedAgain) {
  open_with_fault("abort", "Nothing but §");
  const std::vector<float> expected = vector_of("Day 12.");
  test::expect_error(ErrorCode::model_crashed, "twice", [&] { (void)vector_of("Nothing but §"); });
  EXPECT_EQ(lone->deaths, 2);
  EXPECT_FALSE(lone->is_given_up);
  EXPECT_EQ(vector_of("Day 12."), expected);
  EXPECT_EQ(lone->deaths, 2);
}

// The fault of one is not another one's, whichever of them the process had begun with. (A host asks a model one at a
// time; several models of one process are asked side by side.)
TEST_F(RemoteVectorsTest, WhoAsksBesideItIsAnswered) {
  open_with_fault("abort", "Nothing but §");
  const std::vector<float> expected = vector_of("Day 12.");
  std::vector<float> innocent;
  std::jthread other([&] {
    try {
      innocent = vector_of("Day 12.");
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  });
  test::expect_error(ErrorCode::model_crashed, "twice", [&] { (void)vector_of("Nothing but §"); });
  other.join();
  EXPECT_EQ(innocent, expected);
}

TEST_F(RemoteVectorsTest, WhoAsksAProcessThatIsGivenUpHearsOfIt) {
  WorkerOptions options = worker_options();
  options.most_deaths = 1;
  lone.emplace(open_request(request()), options);
  ASSERT_TRUE(lone->process.kill());
  test::expect_error(ErrorCode::engine_failed, "has died 1 times", [&] { (void)vector_of("Day 12."); });
}

// And nobody has limited how long a batch may take.
TEST_F(RemoteVectorsTest, AnInputWithWhichTheProcessHangsTwiceIsNotTriedAgain) {
  WorkerOptions options = worker_options();
  options.most_to_answer = std::chrono::seconds(2);
  open_with_fault("loop", "Nothing but §", options);
  test::expect_error(ErrorCode::model_crashed, "twice", [&] { (void)vector_of("Nothing but §"); });
  EXPECT_EQ(lone->deaths, 2);
  EXPECT_NE(lone->process.last_words().find("did not answer"), std::string::npos) << lone->process.last_words();
}

}  // namespace
}  // namespace plimsoll::worker
