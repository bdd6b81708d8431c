// The process of a model, and what it costs its host.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "expect_error.hpp"
#include "remote_model_fixture.hpp"

namespace plimsoll::worker {
namespace {

// Who only has processes.
struct Nobody final : WorkerObserver {
  void died(const Life&, const Death&) override {}
  void make_again(const std::shared_ptr<Life>&) override {}
  void is_back() override {}
  void gives_up(const Error&) override {}
  void gave_up(const Error&) override {}
};

// Who has troubles of its own whenever it hears of one.
struct Troubled final : WorkerObserver {
  void died(const Life&, const Death&) override { throw std::runtime_error("a probe does not answer"); }
  void make_again(const std::shared_ptr<Life>&) override {}
  void is_back() override {}
  void gives_up(const Error&) override { throw std::runtime_error("no memory"); }
  void gave_up(const Error&) override { throw 1; }
};

void wait_until(const std::function<bool()>& is_so) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!is_so() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_TRUE(is_so());
}

// That nobody has waited for.
bool has_ended_child() {
  siginfo_t ended{};
  return waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0;
}

std::ptrdiff_t descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

// A supervisor and whoever holds a model catch those.
TEST(RpcLoopTest, WhatFailsOnTheLoopIsAnExceptionOfTheStandard) {
  RpcLoop loop;
  try {
    (void)loop.run([]() -> kj::Promise<bool> {
      return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::heapString("of the library"));
    });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::exception& error) {
    EXPECT_STREQ(error.what(), "of the library");
  }
  EXPECT_THROW((void)as_ours([&] {
                 return loop.run([]() -> kj::Promise<bool> {
                   return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__);
                 });
               }),
               WorkerGone);
}

TEST(WorkerProcessTest, AFileThatCannotBeLoadedIsSaidAsInThisProcess) {
  OpenRequest asked = open_request(test::demo_request("mate-chat"));
  asked.plan.request.model.path = "no-such-model.gguf";
  RpcLoop loop;
  Nobody nobody;
  WorkerProcess process(loop, worker_options(), nobody);
  process.start();
  RemoteModel model(loop, process, asked, nullptr);
  test::expect_error(ErrorCode::model_unusable, "no-such-model.gguf", [&] { model.load(); });
}

TEST(WorkerProcessTest, AProcessOfAnotherVersionIsRefused) {
  OpenRequest asked = open_request(test::demo_request("mate-chat"));
  asked.version = "0.0.1";
  RpcLoop loop;
  Nobody nobody;
  WorkerProcess process(loop, worker_options(), nobody);
  process.start();
  RemoteModel model(loop, process, asked, nullptr);
  test::expect_error(ErrorCode::unsupported, "both have to be the same", [&] { model.load(); });
}

TEST(WorkerProcessTest, WhoThrowsWhenItHearsOfADeathEndsNothing) {
  RpcLoop loop;
  Troubled troubled;
  WorkerOptions options = worker_options();
  options.most_deaths = 2;
  WorkerProcess process(loop, options, troubled);
  process.start();
  ASSERT_TRUE(process.kill());
  wait_until([&] { return process.restarts() == 1 && process.life_at_once() != nullptr; });
  ASSERT_TRUE(process.kill());
  wait_until([&] { return process.has_failed(); });
  test::expect_error(ErrorCode::engine_failed, "has died 2 times", [&] { (void)process.life(); });
}

TEST(WorkerProcessTest, AHindranceThatThrowsIsOne) {
  RpcLoop loop;
  Nobody nobody;
  WorkerOptions options = worker_options();
  options.patience = std::chrono::milliseconds(0);
  options.hindrance = []() -> std::string { throw std::runtime_error("no descriptor is left"); };
  WorkerProcess process(loop, options, nobody);
  process.start();
  ASSERT_TRUE(process.kill());
  wait_until([&] { return process.has_failed(); });
  test::expect_error(ErrorCode::io, "no descriptor is left", [&] { (void)process.life(); });
}

// Of a machine that has no thread left, say: none can be had while this lives.
class NoMoreThreads {
 public:
  NoMoreThreads() {
    pthread_attr_t huge{};
    EXPECT_EQ(pthread_getattr_default_np(&before_), 0);
    EXPECT_EQ(pthread_getattr_default_np(&huge), 0);
    EXPECT_EQ(pthread_attr_setstacksize(&huge, std::size_t{1} << 50U), 0);
    EXPECT_EQ(pthread_setattr_default_np(&huge), 0);
    pthread_attr_destroy(&huge);
  }
  ~NoMoreThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  NoMoreThreads(const NoMoreThreads&) = delete;
  NoMoreThreads& operator=(const NoMoreThreads&) = delete;

 private:
  pthread_attr_t before_{};
};

TEST(WorkerProcessTest, WithoutAThreadToWatchItThereIsNone) {
  RpcLoop loop;
  Nobody nobody;
  const auto before = descriptors();
  {
    WorkerProcess process(loop, worker_options(), nobody);
    {
      const NoMoreThreads now;
      EXPECT_THROW(process.start(), std::system_error);
    }
    EXPECT_EQ(process.pid(), 0);
  }
  EXPECT_EQ(descriptors(), before);
  EXPECT_FALSE(has_ended_child()) << "it has been waited for";
}

TEST(WorkerProcessTest, OneThatIsKilledWhileItIsKilledIsWaitedForOnce) {
  RpcLoop loop;
  Nobody nobody;
  WorkerOptions options = worker_options();
  options.most_deaths = 0;
  {
    WorkerProcess process(loop, options, nobody);
    process.start();
    std::vector<std::jthread> all;
    for (int i = 0; i < 4; ++i)
      all.emplace_back([&process](const std::stop_token& stop) {
        for (; !stop.stop_requested(); std::this_thread::sleep_for(std::chrono::microseconds(200)))
          (void)process.kill();
      });
    wait_until([&] { return process.restarts() >= 2; });
    EXPECT_FALSE(process.has_failed());
  }
  EXPECT_FALSE(has_ended_child()) << "each has been waited for";
}

// 300 of them are 600: see raise_descriptor_limit(). A socket pair has no name, so that no path is too long for it.
TEST(WorkerProcessTest, AProcessCostsItsHostTwoDescriptorsAndNoPath) {
  const std::string no_folder = "/tmp/" + std::string(300, 'x');
  for (const char* name : {"TMPDIR", "XDG_RUNTIME_DIR"}) setenv(name, no_folder.c_str(), 1);
  RpcLoop loop;
  Nobody nobody;
  {
    WorkerProcess first(loop, worker_options(), nobody);
    first.start();
  }
  const auto before = descriptors();
  {
    std::vector<std::unique_ptr<WorkerProcess>> all;
    for (int i = 0; i < 5; ++i) {
      all.push_back(std::make_unique<WorkerProcess>(loop, worker_options(), nobody));
      all.back()->start();
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    auto now = descriptors();
    while (now != before + 10 && std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();  // supervisors look into a file at times
      now = descriptors();
    }
    EXPECT_EQ(now, before + 10);
  }
  EXPECT_EQ(descriptors(), before);
  for (const char* name : {"TMPDIR", "XDG_RUNTIME_DIR"}) unsetenv(name);
}

TEST_F(RemoteModelTest, NoDescriptorAndNoProcessStays) {
  open();
  lone.reset();
  const auto before = descriptors();
  for (int i = 0; i < 3; ++i) {
    open();
    const pid_t pid = lone->process.pid();
    kill(pid, SIGKILL);
    {
      Generation generation(lone->model.create(), params());
      (void)stream(generation);
    }
    const pid_t second = lone->process.pid();
    lone.reset();
    EXPECT_EQ(kill(pid, 0), -1);
    EXPECT_EQ(kill(second, 0), -1) << "it has been waited for";
  }
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace plimsoll::worker
