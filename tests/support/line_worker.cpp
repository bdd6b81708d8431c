#include "line_worker.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>

namespace plimsoll::test {
namespace {

[[noreturn]] void be_the_child(const std::function<void(const LineWorker::Say&)>& work, int to, int errors) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(errors, STDERR_FILENO);
  setenv("GGML_NO_BACKTRACE", "1", 1);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  int status = 0;
  try {
    work([to](std::string_view line) {
      const std::string whole = std::string(line) + "\n";
      if (write(to, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) _exit(2);
    });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    status = 1;
  }
  std::fflush(stderr);
  _exit(status);
}

std::string last_words(int file) {
  std::string words(4096, '\0');
  const off_t size = lseek(file, 0, SEEK_END);
  const off_t from = size > static_cast<off_t>(words.size()) ? size - static_cast<off_t>(words.size()) : 0;
  const ssize_t count = pread(file, words.data(), words.size(), from);
  words.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  if (const std::size_t assertion = words.find("GGML_"); assertion != std::string::npos) words.erase(0, assertion);
  return words.substr(0, words.find('\n'));
}

}  // namespace

LineWorker::LineWorker(const std::function<void(const Say&)>& work) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for a worker");
  from_ = ends[0];
  errors_ = memfd_create("worker-stderr", MFD_CLOEXEC);
  std::fflush(nullptr);
  child_ = fork();
  if (child_ == 0) {
    close(ends[0]);
    be_the_child(work, ends[1], errors_);
  }
  close(ends[1]);
  if (child_ < 0 || errors_ < 0) throw std::runtime_error("no worker could be started");
}

LineWorker::~LineWorker() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  close(from_);
  close(errors_);
}

std::optional<std::string> LineWorker::hear() {
  for (;;) {
    if (const std::size_t end = pending_.find('\n'); end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    char buffer[65536];
    const ssize_t count = read(from_, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    pending_.append(buffer, static_cast<std::size_t>(count));
  }
}

std::string LineWorker::ending() {
  int status = 0;
  waitpid(child_, &status, 0);
  child_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const std::string how = WIFSIGNALED(status) ? std::string(strsignal(WTERMSIG(status)))
                                              : "exit status " + std::to_string(WEXITSTATUS(status));
  const std::string words = last_words(errors_);
  return words.empty() ? how : how + ": " + words;
}

}  // namespace plimsoll::test
