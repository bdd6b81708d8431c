#include <plimsoll/gauge/survey_process.hpp>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include <plimsoll/base/log.hpp>
#include <plimsoll/engine/backend.hpp>
#include <plimsoll/gauge/local_surveys.hpp>

extern char** environ;

namespace plimsoll::gauge {
namespace {

using Json = nlohmann::ordered_json;

// Every code, so that what the child threw is thrown again as the same.
ErrorCode code_from(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
    if (to_string(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
  }
  return ErrorCode::internal;
}

Json error_json(ErrorCode code, const std::string& message, const Error::Numbers& numbers) {
  Json list = Json::array();
  for (const auto& [name, value] : numbers) list.push_back({name, value});
  return {{"error", {{"code", to_string(code)}, {"message", message}, {"numbers", list}}}};
}

[[noreturn]] void throw_error(const Json& error) {
  Error::Numbers numbers;
  for (const Json& pair : error.at("numbers")) numbers.emplace_back(pair.at(0), pair.at(1));
  throw Error(code_from(error.at("code")), error.at("message").get<std::string>(), std::move(numbers));
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Json answer(SurveySource& surveys, const Json& question) {
  try {
    if (question.contains("survey")) {
      return {{"survey", to_json(surveys.survey(survey_request_from_json(question.at("survey"))))}};
    }
    Json list = Json::array();
    for (const DeviceView& view : surveys.devices()) list.push_back(to_json(view));
    return {{"devices", list}};
  } catch (const Error& error) {
    return error_json(error.code(), error.what(), error.numbers());
  } catch (const std::exception& error) {
    return error_json(ErrorCode::internal, error.what(), {});
  }
}

int threads_of_this_process() {
  std::error_code error;
  int count = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) ++count;
  return count;
}

}  // namespace

int serve_surveys(int in, int out) {
  LocalSurveys surveys;
  std::string pending;
  char buffer[65536];
  for (;;) {
    const ssize_t count = read(in, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    pending.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
      const std::string reply =
          answer(surveys, Json::parse(pending.substr(0, end))).dump(-1, ' ', false, Json::error_handler_t::replace) +
          "\n";
      if (!write_all(out, reply)) return 1;
    }
  }
}

// The other end: a process, a pipe to ask, a pipe to hear, and its stderr, where an engine that gives up says why.
struct SurveyProcess::Child {
  pid_t pid = -1;
  int to = -1;
  int from = -1;
  int errors = -1;
  std::string last_words;

  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    for (const int file : {to, from, errors}) {
      if (file >= 0) close(file);
    }
    // Nothing it still holds is of use to anyone, and tearing a model's vocabulary down takes longer than a small
    // survey.
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }

  // Empty: the child ended before it answered.
  std::optional<std::string> hear_line() {
    std::string line;
    pollfd files[2] = {{.fd = from, .events = POLLIN, .revents = 0}, {.fd = errors, .events = POLLIN, .revents = 0}};
    char buffer[65536];
    for (;;) {
      if (poll(files, 2, -1) < 0 && errno != EINTR) return std::nullopt;
      if ((files[1].revents & POLLIN) != 0) {
        const ssize_t count = read(errors, buffer, sizeof buffer);
        if (count > 0) last_words.append(buffer, static_cast<std::size_t>(count));
      } else if ((files[1].revents & POLLHUP) != 0) {
        files[1].fd = -1;
      }
      if ((files[0].revents & (POLLIN | POLLHUP)) == 0) continue;
      const ssize_t count = read(from, buffer, sizeof buffer);
      if (count <= 0) return std::nullopt;
      line.append(buffer, static_cast<std::size_t>(count));
      if (line.back() == '\n') return line;
    }
  }

  // How it ended, in words. Only after hear_line() came back empty.
  std::string cause_of_death() {
    char buffer[65536];
    for (ssize_t count; (count = read(errors, buffer, sizeof buffer)) > 0;) {
      last_words.append(buffer, static_cast<std::size_t>(count));
    }
    int status = 0;
    waitpid(pid, &status, 0);
    pid = -1;
    const std::size_t assertion = last_words.find("GGML_");
    const std::string said = assertion == std::string::npos
                                 ? ""
                                 : last_words.substr(assertion, last_words.find('\n', assertion) - assertion);
    if (!said.empty()) return "the engine gave up on it: " + said;
    if (WIFSIGNALED(status)) return fmt::format("the engine crashed on it ({})", strsignal(WTERMSIG(status)));
    return fmt::format("the engine ended with status {}", WIFEXITED(status) ? WEXITSTATUS(status) : status);
  }
};

namespace {

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw Error(ErrorCode::io, "no pipe could be made for the survey process");
    read_end = ends[0];
    write_end = ends[1];
  }
};

// In the forked child. Never returns, and never unwinds into what the parent was doing.
[[noreturn]] void be_the_child(int in, int out, int errors) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(errors, STDERR_FILENO);
  // Whoever reads the parent's output must not have to wait for this process's end as well.
  if (const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC); nothing >= 0) {
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
  }
  setenv("GGML_NO_BACKTRACE", "1", 1);  // ggml would start a debugger to print one
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL}) std::signal(signal, SIG_DFL);
  std::signal(SIGINT, SIG_IGN);  // the parent decides; its end is this child's end
  log::set_sink({});
  log::set_level(log::Level::off);
  int status = 1;
  try {
    engine::start_backends();  // every question needs them: the parent goes on meanwhile
    status = serve_surveys(in, out);
  } catch (...) {
  }
  _exit(status);
}

}  // namespace

SurveyProcess::SurveyProcess(std::vector<std::string> helper) : helper_(std::move(helper)) {}
SurveyProcess::~SurveyProcess() = default;

static std::unique_ptr<SurveyProcess::Child> start_child(const std::vector<std::string>& helper) {
  const bool may_fork = !engine::backends_started() && threads_of_this_process() == 1;
  if (!may_fork && helper.empty()) {
    throw Error(
        ErrorCode::unsupported,
        "this process has threads or backends already, so its survey process must be a program of its own: name one");
  }
  const Pipe questions;
  const Pipe answers;
  const Pipe errors;
  auto child = std::make_unique<SurveyProcess::Child>();
  child->to = questions.write_end;
  child->from = answers.read_end;
  child->errors = errors.read_end;
  if (may_fork) {
    child->pid = fork();
    if (child->pid == 0) {
      close(questions.write_end);
      close(answers.read_end);
      close(errors.read_end);
      be_the_child(questions.read_end, answers.write_end, errors.write_end);
    }
  } else {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, questions.read_end, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, answers.write_end, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors.write_end, STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& argument : helper) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    if (posix_spawnp(&child->pid, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) child->pid = -1;
    posix_spawn_file_actions_destroy(&actions);
  }
  close(questions.read_end);
  close(answers.write_end);
  close(errors.write_end);
  if (child->pid < 0) throw Error(ErrorCode::io, "the survey process could not be started");
  return child;
}

void SurveyProcess::start() {
  if (!child_) child_ = start_child(helper_);
}

Json SurveyProcess::ask(const Json& question, const std::string& about) {
  start();
  // A child that is gone is noticed when it does not answer; writing to it must not end this process.
  struct sigaction ignore{};
  struct sigaction before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  (void)write_all(child_->to, question.dump() + "\n");
  sigaction(SIGPIPE, &before, nullptr);

  const auto line = child_->hear_line();
  if (!line) {
    const std::string cause = child_->cause_of_death();
    child_.reset();
    throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: {}", about, cause));
  }
  Json reply = Json::parse(*line);
  if (reply.contains("error")) throw_error(reply.at("error"));
  return reply;
}

Survey SurveyProcess::survey(const SurveyRequest& request) {
  return survey_from_json(ask({{"survey", to_json(request)}}, request.model.path).at("survey"));
}

std::vector<DeviceView> SurveyProcess::devices() {
  std::vector<DeviceView> views;
  for (const Json& view : ask({{"devices", true}}, "the devices").at("devices"))
    views.push_back(device_view_from_json(view));
  return views;
}

}  // namespace plimsoll::gauge
