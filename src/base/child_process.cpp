#include "base/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "base/descriptor_limit.hpp"
#include "base/log.hpp"

extern char** environ;

namespace plimsoll {
namespace {

// Readable once the stop was asked for.
class StopFile {
 public:
  explicit StopFile(const std::stop_token& stop) : file_(eventfd(0, EFD_CLOEXEC)) {
    if (file_ < 0) throw Error(ErrorCode::io, "no event descriptor is free to wait for a child process with");
    on_stop_.emplace(stop, Wake{.file = file_});
  }
  // First who writes to it: its number may be another file's at once.
  ~StopFile() {
    on_stop_.reset();
    close(file_);
  }
  StopFile(const StopFile&) = delete;
  StopFile& operator=(const StopFile&) = delete;
  [[nodiscard]] int file() const noexcept { return file_; }

 private:
  struct Wake {
    int file;
    void operator()() const noexcept { (void)eventfd_write(file, 1); }
  };
  int file_;
  std::optional<std::stop_callback<Wake>> on_stop_;
};

// The kernel's own way (PR_SET_PDEATHSIG) ends the child with the thread that made it, not with the process, and says
// nothing where the parent was gone before it was asked for.
void end_with_the_parent(int in) {
  static std::atomic<bool> watched = false;  // a forked child and what it serves both ask for it
  struct stat facts{};
  if (fstat(in, &facts) != 0 || !S_ISSOCK(facts.st_mode) || watched.exchange(true)) return;
  std::thread([in] {
    pollfd file{.fd = in, .events = 0, .revents = 0};
    while (poll(&file, 1, -1) < 0 && errno == EINTR) {
    }
    if ((file.revents & POLLHUP) != 0) _exit(1);
  }).detach();
}

// One that was joined is listed a moment longer: the system tells of its end before that is complete. See proc(5).
bool is_exiting(const std::filesystem::path& task) {
  constexpr unsigned long kExiting = 4;  // PF_EXITING
  std::ifstream file(task / "stat");
  std::string facts;
  if (!std::getline(file, facts)) return true;  // it has gone
  std::istringstream behind_name(facts.substr(std::min(facts.rfind(')'), facts.size() - 1) + 1));
  std::string skipped;
  for (int field = 3; field < 9; ++field) behind_name >> skipped;
  unsigned long flags = 0;
  behind_name >> flags;
  return (flags & kExiting) != 0;
}

}  // namespace

void prepare_child(int in) {
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGPIPE}) std::signal(signal, SIG_DFL);
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);  // the parent decides; its end is this child's end
  end_with_the_parent(in);
}

bool has_one_thread() {
  std::error_code error;
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) {
    if (!is_exiting(task.path())) ++count;
  }
  return count == 1;
}

// The three ways between the two; whatever nobody has taken is closed.
struct ChildProcess::Ends {
  std::array<int, 2> questions{-1, -1};  // theirs, ours
  std::array<int, 2> answers{-1, -1};    // ours, theirs
  std::array<int, 2> errors{-1, -1};     // ours, theirs

  Ends() {
    const bool made = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, questions.data()) == 0 &&
                      pipe2(answers.data(), O_CLOEXEC) == 0 && pipe2(errors.data(), O_CLOEXEC) == 0;
    if (made) return;
    const int failure = errno;
    close_all();
    throw Error(ErrorCode::io, fmt::format("no pipe could be made for a child process: {}{}", std::strerror(failure),
                                           failure == EMFILE ? fmt::format("; this process may have {} files, sockets "
                                                                           "and pipes open (ulimit -n)",
                                                                           descriptor_limit())
                                                             : ""));
  }
  ~Ends() { close_all(); }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;

  void close_all() noexcept {
    for (auto* pair : {&questions, &answers, &errors}) {
      for (int& file : *pair) {
        if (file >= 0) close(std::exchange(file, -1));
      }
    }
  }
};

ChildProcess::ChildProcess(const Serve& serve) {
  Ends ends;
  fork_child(ends, serve);
  take(ends);
}

ChildProcess::ChildProcess(const std::vector<std::string>& program) {
  Ends ends;
  spawn_child(ends, program);
  take(ends);
}

void ChildProcess::take(Ends& ends) {
  if (pid_ < 0) throw Error(ErrorCode::io, "a child process could not be started");
  to_ = std::exchange(ends.questions[1], -1);
  from_ = std::exchange(ends.answers[0], -1);
  errors_ = std::exchange(ends.errors[0], -1);
}

void ChildProcess::fork_child(const Ends& ends, const Serve& serve) {
  pid_ = fork();
  if (pid_ != 0) return;
  // The child: never returns, and never unwinds into what the parent was doing.
  for (const int file : {ends.questions[1], ends.answers[0], ends.errors[0]}) close(file);
  dup2(ends.errors[1], STDERR_FILENO);
  // Whoever reads the parent's output must not have to wait for this process's end as well.
  if (const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC); nothing >= 0) {
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
  }
  int status = 1;
  try {
    log::set_sink({});
    log::set_level(log::Level::off);
    prepare_child(ends.questions[0]);
    status = serve(ends.questions[0], ends.answers[1]);
  } catch (...) {  // said on the pipe where it could be
  }
  _exit(status);
}

void ChildProcess::spawn_child(const Ends& ends, const std::vector<std::string>& program) {
  std::vector<char*> arguments;
  for (const std::string& argument : program) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends.questions[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends.answers[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends.errors[1], STDERR_FILENO);
  const int failure = posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0)
    throw Error(ErrorCode::io, fmt::format("'{}' could not be started: {}", arguments[0], std::strerror(failure)));
}

ChildProcess::~ChildProcess() {
  for (const int file : {to_, from_, errors_}) {
    if (file >= 0) close(file);
  }
  if (pid_ <= 0) return;
  // Nothing it still holds is of use to anyone, and tearing a model's vocabulary down takes longer than a small dry
  // run.
  ::kill(pid_, SIGKILL);
  (void)wait();
}

int ChildProcess::wait() noexcept {
  siginfo_t ended{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  int status = 0;
  const std::lock_guard lock(mutex_);
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

void ChildProcess::write_line(const std::string& line) {
  const std::string text = line + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = send(to_, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    done += static_cast<std::size_t>(count);
  }
}

namespace {

// False: nothing more will come.
bool read_into(int file, std::string& text) {
  std::array<char, 65536> buffer{};
  const ssize_t count = read(file, buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  text.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

// It is still to be waited for.
bool has_ended(pid_t process) {
  siginfo_t ended{};
  return waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0;
}

// Until there is something to read of its errors, or their end. False: it has ended, and somebody else holds them.
bool waits_for_errors(int errors, pid_t process) {
  constexpr int kBetweenLooksMs = 500;  // a file that says it (pidfd) would be one more descriptor for each child
  for (;;) {
    pollfd one{.fd = errors, .events = POLLIN, .revents = 0};
    const int ready = poll(&one, 1, kBetweenLooksMs);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
    if (ready == 0 && has_ended(process)) return poll(&one, 1, 0) > 0;  // its last words are there by now
  }
}

}  // namespace

// Reads what there is, once something comes; not where the time is over (negative: it never is) or `stop` is readable
// first. False: no line will come any more.
bool ChildProcess::read_more(int stop, int most_ms) {
  std::array<pollfd, 3> files{{{.fd = from_, .events = POLLIN, .revents = 0},
                               {.fd = errors_are_over_ ? -1 : errors_, .events = POLLIN, .revents = 0},
                               {.fd = stop, .events = POLLIN, .revents = 0}}};
  if (poll(files.data(), files.size(), most_ms) < 0) {
    if (errno == EINTR) return true;
    ::kill(pid_, SIGKILL);  // nothing can be read of it any more
    return false;
  }
  if (files[2].revents != 0) return true;
  if (files[1].revents != 0) errors_are_over_ = !read_into(errors_, stderr_);
  return files[0].revents == 0 || read_into(from_, pending_);
}

std::optional<std::string> ChildProcess::read_line(const std::stop_token& stop) {
  const StopFile stop_file(stop);
  for (;;) {
    if (stop.stop_requested()) throw Error(ErrorCode::cancelled, "cancelled");
    if (const std::size_t end = pending_.find('\n'); end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    if (!read_more(stop_file.file(), -1)) return std::nullopt;
  }
}

bool ChildProcess::line_comes_before(std::chrono::steady_clock::time_point then) {
  using std::chrono::milliseconds;
  constexpr milliseconds kMostAtOnce{60'000};
  while (!pending_.contains('\n')) {
    const auto left = std::chrono::ceil<milliseconds>(then - std::chrono::steady_clock::now());
    if (left <= milliseconds::zero()) return false;
    if (!read_more(-1, static_cast<int>(std::min(left, kMostAtOnce).count()))) return true;
  }
  return true;
}

int ChildProcess::take_socket() noexcept {
  close(std::exchange(from_, -1));
  return std::exchange(to_, -1);
}

pid_t ChildProcess::pid() const noexcept {
  const std::lock_guard lock(mutex_);
  return std::max(pid_, 0);
}

// Until it is waited for under the lock, nobody else has its number.
void ChildProcess::kill() noexcept {
  const std::lock_guard lock(mutex_);
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

ChildProcess::End ChildProcess::end(std::size_t kept) {
  while (waits_for_errors(errors_, pid_) && read_into(errors_, stderr_)) {
    if (stderr_.size() > kept) stderr_.erase(0, stderr_.size() - kept);
  }
  const int status = wait();
  std::string how = WIFSIGNALED(status)
                        ? fmt::format("crashed ({})", strsignal(WTERMSIG(status)))
                        : fmt::format("ended with status {}", WIFEXITED(status) ? WEXITSTATUS(status) : status);
  return {.how = std::move(how), .errors = std::move(stderr_), .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};
}

}  // namespace plimsoll
