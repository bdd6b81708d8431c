// A process that was forked from one with a model open: nothing that needs the other's threads is waited for there.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <plimsoll/plimsoll.hpp>
#include <string_view>

#include "demo_model.hpp"

namespace plimsoll {
namespace {

using test::kGreedy;
using test::kModel;
using test::small;

constexpr unsigned int kStandsStill = 120;  // seconds

bool is_refused(const char* what, const std::function<void()>& call) {
  try {
    call();
    std::fprintf(stderr, "%s: nothing was thrown\n", what);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::usage && std::string_view(error.what()).contains("forked")) return true;
    std::fprintf(stderr, "%s: %s\n", what, error.what());
  }
  return false;
}

// The child's exit status: 0 where `asks` says that all was as it should be.
int status_of_child(const std::function<bool()>& asks) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(kStandsStill);
    _exit(asks() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Forked, WhatIsInheritedIsRefused) {
  Runtime runtime;
  Model model = runtime.open(kModel, small(2));
  Conversation conversation = model.conversation();
  Conversation other = model.conversation();
  other.prompt("Day 11.");
  Generation answer = conversation.generate("Day 12.", kGreedy);
  const auto asks = [&] {
    bool all = is_refused("open", [&] { (void)runtime.open(kModel, small()); });
    all = is_refused("a second runtime", [] { (void)Runtime(); }) && all;
    all = is_refused("generate", [&] { (void)model.generate("Day 12.", kGreedy); }) && all;
    all = is_refused("next", [&] { (void)answer.next(); }) && all;
    all = is_refused("infer", [&] { other.infer(); }) && all;
    return is_refused("size", [&] { (void)other.size(); }) && all;
  };
  EXPECT_EQ(status_of_child(asks), 0);
  EXPECT_FALSE(answer.read_all().empty());  // the child has taken nothing from it
}

TEST(Forked, AHostOfAnotherProcessGivesNoLease) {
  Fleet fleet;
  fleet.models.push_back({.path = kModel, .options = small()});
  fleet.models.back().options.name = "mate";
  const Host host(Runtime(), fleet);
  EXPECT_EQ(status_of_child([&] { return is_refused("acquire", [&] { (void)host.acquire("mate"); }); }), 0);
}

TEST(Forked, WithoutARuntimeAProcessMayBeForkedAsItLikes) {
  { const Runtime gone; }
  EXPECT_EQ(status_of_child([] { return !Runtime().devices().empty(); }), 0);
}

}  // namespace
}  // namespace plimsoll
