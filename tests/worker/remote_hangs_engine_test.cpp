// A process of a model that is there, and does nothing any more.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "remote_model_fixture.hpp"

namespace plimsoll::worker {
namespace {

// Its decode loop never comes back from another one's batch, and nobody has limited that.
TEST_F(RemoteModelTest, WhoSavesOrLeavesAConversationDoesNotWaitForAProcessThatHangs) {
  const std::string fault = "loop@" + std::to_string(poison());
  setenv("PLIMSOLL_TEST_WORKER_FAULT", fault.c_str(), 1);
  WorkerOptions options = worker_options();
  options.most_deaths = 0;
  options.most_to_answer = std::chrono::seconds(2);
  lone.emplace(open_request(request()), options);
  Conversation other = lone->model.create();
  (void)other.replace(tokens("Day 12."));
  const std::vector<engine::Token> said = other.tokens();
  {
    Generation generation(lone->model.create(), params({.temperature = 0}, "Nothing but §"));
    EXPECT_EQ(generation.poll(), "");
    while (lone->deaths == 0) EXPECT_EQ(other.save().tokens, said);
    EXPECT_NE(lone->process.last_words().find("did not answer"), std::string::npos) << lone->process.last_words();
  }
  EXPECT_EQ(stream_of(params()), local(params()));
}

// What is done to a conversation is not waited for without an end, and not tried a third time.
TEST_F(RemoteModelTest, AProcessThatHangsWithWhatItIsGivenIsEnded) {
  const std::string fault = "stuck@" + std::to_string(poison());
  setenv("PLIMSOLL_TEST_WORKER_FAULT", fault.c_str(), 1);
  WorkerOptions options = worker_options();
  options.most_to_answer = std::chrono::seconds(2);
  lone.emplace(open_request(request()), options);
  Conversation conversation = lone->model.create();
  test::expect_error(ErrorCode::model_crashed, "twice", [&] { conversation.prompt(tokens("Nothing but §")); });
  EXPECT_EQ(lone->deaths, 2);
  EXPECT_EQ(stream_of(params()), local(params()));
}

// The loader waits for it, and so would everybody who wants another model.
TEST_F(RemoteModelTest, AProcessThatHangsWhileItLoadsForTheFirstTimeIsEnded) {
  setenv("PLIMSOLL_TEST_WORKER_FAULT", "hang@0", 1);
  WorkerOptions options = worker_options();
  options.most_silence_at_first = std::chrono::seconds(2);
  test::expect_error(ErrorCode::model_unusable, "did not answer",
                     [&] { lone.emplace(open_request(request()), options); });
}

// As a host ends, which has more of them: nobody waits until each of them might answer.
TEST_F(RemoteModelTest, WhoWaitsForAProcessThatIsEndedHearsOfIt) {
  open_with_fault("stuck");
  Conversation conversation = lone->model.create();
  const std::vector<engine::Token> stuck = tokens("Nothing but §");
  std::jthread ender([&] {
    while (lone->process.life_at_once() == nullptr) std::this_thread::yield();
    lone->process.end();
  });
  test::expect_error(ErrorCode::cancelled, "ended", [&] { conversation.prompt(stuck); });
  test::expect_error(ErrorCode::cancelled, "ended", [&] { (void)lone->process.life(); });
  EXPECT_EQ(lone->deaths, 0);
  EXPECT_FALSE(lone->process.has_failed());
}

}  // namespace
}  // namespace plimsoll::worker
