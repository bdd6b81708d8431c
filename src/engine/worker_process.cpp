#include "worker_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include <plimsoll/base/log.hpp>
#include <plimsoll/engine/backend.hpp>

extern char** environ;

namespace plimsoll::engine {
namespace {

int threads_of_this_process() {
  std::error_code error;
  int count = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) ++count;
  return count;
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(ErrorCode::io, "no pipe could be made for a child process");
  return ends;
}

// Readable once the stop was asked for.
class StopFile {
 public:
  explicit StopFile(const std::stop_token& stop)
      : file_(eventfd(0, EFD_CLOEXEC)), heard_(stop, [this] { eventfd_write(file_, 1); }) {}
  ~StopFile() { close(file_); }
  StopFile(const StopFile&) = delete;
  StopFile& operator=(const StopFile&) = delete;
  [[nodiscard]] int file() const noexcept { return file_; }

 private:
  struct Callback {
    std::function<void()> run;
    void operator()() const { run(); }
  };
  class Registration {
   public:
    Registration(const std::stop_token& stop, std::function<void()> run) : callback_(stop, Callback{std::move(run)}) {}

   private:
    std::stop_callback<Callback> callback_;
  };
  int file_;
  Registration heard_;  // after the file it writes to
};

}  // namespace

void be_a_modest_child() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setenv("GGML_NO_BACKTRACE", "1", 1);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);  // the parent decides; its end is this child's end
}

WorkerProcess::WorkerProcess(const std::vector<std::string>& helper, const std::function<int(int in, int out)>& serve) {
  const bool may_fork = !backends_started() && threads_of_this_process() == 1;
  if (!may_fork && helper.empty()) {
    throw Error(ErrorCode::unsupported,
                "this process has threads or backends already, so its child must be a program of its own: name one");
  }
  const auto [questions, to] = make_pipe();
  const auto [from, answers] = make_pipe();
  const auto [errors, stderr_end] = make_pipe();
  to_ = to;
  from_ = from;
  errors_ = errors;
  if (may_fork) {
    fork_child(questions, answers, stderr_end, serve);
  } else {
    spawn_child(questions, answers, stderr_end, helper);
  }
  for (const int file : {questions, answers, stderr_end}) close(file);
  if (pid_ < 0) throw Error(ErrorCode::io, "a child process could not be started");
}

void WorkerProcess::fork_child(int in, int out, int errors, const std::function<int(int in, int out)>& serve) {
  pid_ = fork();
  if (pid_ != 0) return;
  // The child: never returns, and never unwinds into what the parent was doing.
  be_a_modest_child();
  for (const int file : {to_, from_, errors_}) close(file);
  dup2(errors, STDERR_FILENO);
  if (const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC); nothing >= 0) {
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
  }
  log::set_sink({});
  log::set_level(log::Level::off);
  int status = 1;
  try {
    status = serve(in, out);
  } catch (...) {  // said on the pipe where it could be
  }
  _exit(status);
}

void WorkerProcess::spawn_child(int in, int out, int errors, const std::vector<std::string>& helper) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& argument : helper) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  if (posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&actions);
}

WorkerProcess::~WorkerProcess() {
  for (const int file : {to_, from_, errors_}) {
    if (file >= 0) close(file);
  }
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

void WorkerProcess::say(const std::string& line) {
  // A child that is gone is noticed when it does not answer; writing to it must not end this process.
  struct sigaction ignore{};
  struct sigaction before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  const std::string text = line + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = write(to_, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  sigaction(SIGPIPE, &before, nullptr);
}

// False: nothing more will come.
bool WorkerProcess::read_into(int file, std::string& text) const {
  std::array<char, 65536> buffer{};
  const ssize_t count = read(file, buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  text.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

std::optional<std::string> WorkerProcess::hear(const std::stop_token& stop) {
  const StopFile stopped(stop);
  std::array<pollfd, 3> files{{{.fd = from_, .events = POLLIN, .revents = 0},
                               {.fd = errors_, .events = POLLIN, .revents = 0},
                               {.fd = stopped.file(), .events = POLLIN, .revents = 0}}};
  for (;;) {
    if (stop.stop_requested()) throw Error(ErrorCode::cancelled, "cancelled");
    if (const std::size_t end = heard_.find('\n'); end != std::string::npos) {
      std::string line = heard_.substr(0, end);
      heard_.erase(0, end + 1);
      return line;
    }
    if (poll(files.data(), files.size(), -1) < 0 && errno != EINTR) return std::nullopt;
    if (stop.stop_requested()) continue;
    if (files[1].revents != 0 && !read_into(errors_, last_words_)) files[1].fd = -1;
    if (files[0].revents != 0 && !read_into(from_, heard_)) return std::nullopt;
  }
}

std::string WorkerProcess::cause_of_death() {
  while (read_into(errors_, last_words_)) {
  }
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (const std::size_t assertion = last_words_.find("GGML_"); assertion != std::string::npos) {
    return "the engine gave up on it: " + last_words_.substr(assertion, last_words_.find('\n', assertion) - assertion);
  }
  if (WIFSIGNALED(status)) return fmt::format("the engine crashed on it ({})", strsignal(WTERMSIG(status)));
  return fmt::format("the engine ended with status {}", WIFEXITED(status) ? WEXITSTATUS(status) : status);
}

}  // namespace plimsoll::engine
