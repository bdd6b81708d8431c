// A child that works for us: this program itself, run again, or a fork of it.
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <plimsoll/base/error.hpp>
#include "base/child_process.hpp"

#include "expect_error.hpp"

namespace {

std::atomic<int> sigpipe_changes = 0;

// Says every line again. "pid": its number. "end": nothing more.
int echo(int in, int out) {
  plimsoll::prepare_child(in);
  std::string line;
  for (char c = 0; read(in, &c, 1) == 1;) {
    if (c != '\n') {
      line += c;
      continue;
    }
    if (line == "end") return 0;
    if (line == "pid") line = std::to_string(getpid());
    line += '\n';
    if (write(out, line.data(), line.size()) < 0) return 1;
    line.clear();
  }
  return 0;
}

// Before main(): this program as the child of one of its tests.
__attribute__((constructor)) void be_the_echo(int count, char** arguments, char**) {
  if (count == 2 && std::string_view(arguments[1]) == "--as-an-echo") _exit(echo(STDIN_FILENO, STDOUT_FILENO));
}

const std::vector<std::string> kEcho{"/proc/self/exe", "--as-an-echo"};

}  // namespace

// In front of the C library's: who changes what SIGPIPE does to this process is counted.
extern "C" int sigaction(int signal, const struct sigaction* now, struct sigaction* before) noexcept {
  if (signal == SIGPIPE && now != nullptr) ++sigpipe_changes;
  using Real = int (*)(int, const struct sigaction*, struct sigaction*);
  static const auto kReal = reinterpret_cast<Real>(dlsym(RTLD_NEXT, "sigaction"));
  return kReal(signal, now, before);
}

namespace plimsoll {
namespace {

// A thread beside this one, as in a program that must not fork.
class Beside {
 public:
  Beside() : thread_([this] { over_.wait(false); }) {}
  ~Beside() {
    over_ = true;
    over_.notify_all();
  }

 private:
  std::atomic<bool> over_ = false;
  std::jthread thread_;
};

TEST(ChildProcessTest, AnswersLineByLine) {
  const Beside beside;
  ChildProcess child(kEcho);
  child.write_line("one");
  child.write_line(std::string(300'000, 'x'));  // more than a pipe holds
  EXPECT_EQ(child.read_line(), "one");
  EXPECT_EQ(child.read_line(), std::string(300'000, 'x'));
}

TEST(ChildProcessTest, ALineIsWaitedForNoLongerThanWasSaid) {
  using std::chrono::steady_clock;
  const Beside beside;
  ChildProcess child(kEcho);
  EXPECT_FALSE(child.line_comes_before(steady_clock::now()));
  EXPECT_FALSE(child.line_comes_before(steady_clock::now() + std::chrono::milliseconds(20)));
  child.write_line("one");
  child.write_line("two");
  EXPECT_TRUE(child.line_comes_before(steady_clock::time_point::max()));
  EXPECT_EQ(child.read_line(), "one");
  EXPECT_TRUE(child.line_comes_before(steady_clock::time_point::max()));
  EXPECT_EQ(child.read_line(), "two");
  child.write_line("end");
  EXPECT_TRUE(child.line_comes_before(steady_clock::time_point::max()));
  EXPECT_EQ(child.read_line(), std::nullopt);
}

// The whole process's answer to SIGPIPE belongs to its program; other threads write to sockets meanwhile.
TEST(ChildProcessTest, WritingToOneThatIsGoneNeitherEndsThisProcessNorTouchesItsSignals) {
  const Beside beside;
  ChildProcess child(kEcho);
  sigpipe_changes = 0;
  child.write_line("end");
  EXPECT_EQ(child.read_line(), std::nullopt);
  child.write_line("are you there?");
  EXPECT_EQ(sigpipe_changes, 0);
  EXPECT_EQ(child.end().how, "ended with status 0");
}

// The line is larger than what the socket holds, so the write is under way when the other end goes.
TEST(ChildProcessTest, AChildThatDiesWhileItIsWrittenToGivesASentence) {
  struct sigaction before{};
  ASSERT_EQ(sigaction(SIGPIPE, nullptr, &before), 0);
  ASSERT_EQ(before.sa_handler, SIG_DFL) << "a SIGPIPE would end this program";
  ChildProcess child([](int in, int) {
    char first = 0;
    if (read(in, &first, 1) != 1) return 1;
    const char words[] = "out of memory";
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    std::raise(SIGKILL);
    return 0;
  });
  child.write_line(std::string(8'000'000, 'x'));
  EXPECT_EQ(child.read_line(), std::nullopt);
  const ChildProcess::End end = child.end();
  EXPECT_EQ(end.how, "crashed (Killed)");
  EXPECT_EQ(end.errors, "out of memory");
}

TEST(ChildProcessTest, AProgramThatIsNotThereIsSaid) {
  test::expect_error(ErrorCode::io, "could not be started", [] { ChildProcess child({"/no/such/program"}); });
}

// The kernel's PR_SET_PDEATHSIG would end it with the thread.
// The child of the child ends with its stdin, which is the first one's.
TEST(ChildProcessTest, WhoElseHoldsItsStderrIsNotWaitedFor) {
  ChildProcess child({"sh", "-c", "exec 3<&0; cat <&3 >/dev/null & echo last words >&2; exit 3"});
  EXPECT_EQ(child.read_line(), std::nullopt);
  const ChildProcess::End end = child.end();
  EXPECT_EQ(end.how, "ended with status 3");
  EXPECT_EQ(end.errors, "last words\n");
}

TEST(ChildProcessTest, OutlivesTheThreadThatMadeIt) {
  const Beside beside;
  std::unique_ptr<ChildProcess> child;
  std::thread([&] {
    child = std::make_unique<ChildProcess>(kEcho);
    child->write_line("ready");
    EXPECT_EQ(child->read_line(), "ready");
  }).join();
  child->write_line("still there?");
  EXPECT_EQ(child->read_line(), "still there?");
}

TEST(ChildProcessTest, AParentThatWasGoneBeforeTheChildLookedIsNoticed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);  // nobody is at the other end
    prepare_child(ends[1]);
    for (;;) pause();
  }
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  close(ends[1]);
}

TEST(ChildProcessTest, EndsWithAParentThatWasKilled) {
  std::array<int, 2> alive{};  // closed by the kernel when the last of them is gone
  ASSERT_EQ(pipe2(alive.data(), O_CLOEXEC), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    close(alive[0]);
    fcntl(alive[1], F_SETFD, 0);  // for the child, too
    const Beside beside;
    ChildProcess child(kEcho);
    child.write_line("ready");
    const bool ready = child.read_line() == "ready";
    (void)!write(alive[1], ready ? "r" : "-", 1);
    kill(getpid(), SIGKILL);
  }
  close(alive[1]);
  std::array<char, 2> said{};
  ASSERT_EQ(read(alive[0], said.data(), 1), 1);
  EXPECT_EQ(said[0], 'r');
  EXPECT_EQ(read(alive[0], said.data(), 1), 0) << "the end of the parent and of its child";
  waitpid(parent, nullptr, 0);
  close(alive[0]);
}

TEST(ChildProcessTest, AStopIsHeardWhileItWaits) {
  const Beside beside;
  ChildProcess child(kEcho);
  std::stop_source stop;
  child.write_line("begun");
  EXPECT_EQ(child.read_line(stop.get_token()), "begun");
  const std::jthread stopping([&] { stop.request_stop(); });
  test::expect_error(ErrorCode::cancelled, "cancelled", [&] { (void)child.read_line(stop.get_token()); });
}

#ifndef __SANITIZE_THREAD__  // which has a thread of its own
// As a dry run's, which says when it takes long: the next child may be a fork all the same.
TEST(HasOneThreadTest, IsTrueAsSoonAsTheOthersWereJoined) {
  int seen = 0;
  for (int i = 0; i < 3000; ++i) {
    std::thread([] {}).join();
    if (!has_one_thread()) ++seen;
  }
  EXPECT_EQ(seen, 0);
  const std::jthread other([](const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  EXPECT_FALSE(has_one_thread());
}
#endif

}  // namespace
}  // namespace plimsoll
