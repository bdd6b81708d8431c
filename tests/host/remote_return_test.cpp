// Models come back with the machines that they compute on, once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "remote_return.hpp"

namespace plimsoll::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

enum class Is { going, failed, ready, gone };

class RemoteReturnTest : public ::testing::Test {
 protected:
  RemoteReturn::World world() {
    return {.answers =
                [this] {
                  const std::lock_guard lock(mutex_);
                  ++asked_;
                  changed_.notify_all();
                  return answers_;
                },
            .has_failed = [this](const std::string& model) { return is(model) == Is::failed; },
            .is_of_interest = [this](const std::string& model) { return is(model) != Is::gone; },
            .load =
                [this](const std::string& model) {
                  const std::lock_guard lock(mutex_);
                  loaded_.push_back(model);
                  models_[model] = Is::ready;
                  changed_.notify_all();
                }};
  }
  Is is(const std::string& model) {
    const std::lock_guard lock(mutex_);
    ++looked_;
    changed_.notify_all();
    return models_.at(model);
  }
  void set(const std::string& model, Is state) {
    const std::lock_guard lock(mutex_);
    models_[model] = state;
  }
  void set_answers(bool answers) {
    const std::lock_guard lock(mutex_);
    answers_ = answers;
  }
  template <class Condition>
  void wait_until(Condition condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Is> models_;
  bool answers_ = false;
  int asked_ = 0;
  int looked_ = 0;
  std::vector<std::string> loaded_;
  RemoteReturn return_{world(), std::chrono::milliseconds(1)};
};

TEST_F(RemoteReturnTest, ItIsLoadedOnceItsMachineAnswers) {
  set("chat", Is::failed);
  return_.wait_for("chat");
  wait_until([&] { return asked_ >= 3; });
  EXPECT_THAT(loaded_, IsEmpty());
  set_answers(true);
  wait_until([&] { return !loaded_.empty(); });
  return_.stop();
  EXPECT_THAT(loaded_, ElementsAre("chat"));
}

TEST_F(RemoteReturnTest, WhatStillHasLeasesIsWaitedForAndNoMachineIsAskedMeanwhile) {
  set_answers(true);
  set("chat", Is::going);
  return_.wait_for("chat");
  wait_until([&] { return looked_ >= 6; });
  EXPECT_EQ(asked_, 0);
  set("chat", Is::failed);
  wait_until([&] { return !loaded_.empty(); });
}

TEST_F(RemoteReturnTest, WhatHasGoneForGoodIsForgotten) {
  set_answers(true);
  set("chat", Is::gone);
  set("other", Is::failed);
  return_.wait_for("chat");
  return_.wait_for("other");
  wait_until([&] { return !loaded_.empty(); });
  set("chat", Is::failed);  // for another reason
  set("third", Is::failed);
  return_.wait_for("third");
  wait_until([&] { return loaded_.size() == 2; });
  return_.stop();
  EXPECT_THAT(loaded_, ElementsAre("other", "third"));
}

}  // namespace
}  // namespace plimsoll::host
