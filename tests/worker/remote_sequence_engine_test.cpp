// Conversations of a model in a process of its own: saved, and copied.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "expect_error.hpp"
#include "remote_model_fixture.hpp"

namespace plimsoll::worker {
namespace {

class RemoteSequenceTest : public RemoteModelTest {};

TEST_F(RemoteSequenceTest, ASavedConversationComesBackThroughSharedMemory) {
  open();
  Conversation conversation = lone->model.create();
  {
    Generation generation(conversation, params());
    (void)stream(generation);
  }
  const run::SequenceSnapshot saved = conversation.save();
  EXPECT_GT(saved.memory.size(), 0U);
  const Conversation again = lone->model.load(saved);
  EXPECT_EQ(again.tokens(), conversation.tokens());
  EXPECT_LE(again.waiting(), 1U);
}

// All that it may have are in use, for as long as this lives.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int first_free = dup(STDERR_FILENO);
    close(first_free);
    const rlimit now{.rlim_cur = static_cast<rlim_t>(first_free), .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(RemoteSequenceTest, AProcessWithoutAFreeDescriptorSaysSo) {
  open();
  Conversation conversation = lone->model.create();
  {
    Generation generation(conversation, params());
    (void)stream(generation);
  }
  {
    const NoMoreDescriptors none;
    test::expect_error(ErrorCode::io, "Too many open files", [&] { (void)conversation.save(); });
  }
  EXPECT_GT(conversation.save().memory.size(), 0U);
}

TEST_F(RemoteSequenceTest, AConversationIsCopied) {
  open();
  Conversation one = lone->model.create();
  {
    Generation generation(one, params());
    (void)stream(generation);
  }
  Conversation other = lone->model.create();
  other.copy_from(one);
  EXPECT_EQ(other.tokens(), one.tokens());
}

// The process does not wait with it: the copy would have tokens that it is not wanted for.
TEST_F(RemoteSequenceTest, ACopyHasNothingOfAnAnswerThatIsUnderWay) {
  open();
  Conversation one = lone->model.create();
  Generation generation(one, params());
  ASSERT_TRUE(generation.next());
  Conversation other = lone->model.create();
  other.copy_from(one);
  EXPECT_EQ(other.tokens(), params().prompt);
  EXPECT_EQ(other.waiting(), 0U);  // what the answer has chosen, and not decoded yet, is not decoded here either
}

}  // namespace
}  // namespace plimsoll::worker
