#include "guard/launch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "guard/program_file.hpp"

namespace plimsoll::guard {
namespace {

constexpr const char* kPreload = "LD_PRELOAD";

// Where programs do not look for descriptors of their own, and below what closes "all of them" usually.
constexpr int kDescriptor = 200;

[[noreturn]] void system_error(const std::string& what) {
  throw Error(ErrorCode::io, fmt::format("{}: {}", what, std::strerror(errno)));
}

// A name for a library whose path no list can hold: a descriptor that the program and its children inherit.
std::string descriptor_name(const std::filesystem::path& library) {
  const int opened = open(library.c_str(), O_RDONLY | O_CLOEXEC);
  if (opened < 0) system_error(fmt::format("'{}' cannot be opened", library.string()));
  const int kept = fcntl(opened, F_DUPFD, kDescriptor);
  if (kept < 0) system_error(fmt::format("'{}' cannot be kept open", library.string()));
  close(opened);
  return fmt::format("/proc/self/fd/{}", kept);
}

// Made empty, so that the first process that uses an engine finds it free for its report, and what is wrong with it is
// known before the program runs.
void make_report_file(const std::string& path) {
  const std::ofstream file(path, std::ios::trunc);
  if (!file) system_error(fmt::format("the report '{}' cannot be written", path));
}

void set(const std::string& name, const std::string& value) {
  if (setenv(name.c_str(), value.c_str(), 1) != 0) system_error(fmt::format("{} cannot be set", name));
}

}  // namespace

std::string preload_list(std::string_view list, const std::string& library) {
  for (std::string_view rest = list; !rest.empty();) {
    const std::size_t end = rest.find_first_of(": ");
    if (rest.substr(0, end) == library) return std::string(list);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return list.empty() ? library : fmt::format("{}:{}", list, library);
}

bool can_be_listed(const std::string& library) { return library.find_first_of(": $\t\n") == std::string::npos; }

void launch(const std::vector<std::string>& command, const Wishes& wishes, const std::filesystem::path& library) {
  if (command.empty())
    throw Error(ErrorCode::usage,
                "what is to be run stands behind --: plimsoll guard --budget 8GiB -- llama-server -m FILE");
  const auto program =
      find_program(command.front(), process_environment("PATH").value_or("/usr/local/bin:/usr/bin:/bin"));
  if (!program) throw Error(ErrorCode::usage, fmt::format("there is no program '{}'", command.front()));
  if (const auto why = why_not_preloaded(*program)) {
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' cannot be guarded: {}. It was not started", program->string(), *why));
  }
  const auto variables = variables_for(wishes, process_environment);
  if (!std::filesystem::exists(library)) {
    throw Error(ErrorCode::unsupported,
                fmt::format("the guard's library is not there: '{}' (Debian: apt install plimsoll-guard). "
                            "It was not started",
                            library.string()));
  }
  if (!wishes.report.empty()) make_report_file(std::filesystem::absolute(wishes.report).string());
  for (const auto& [name, value] : variables) set(name, value);
  const std::string name = can_be_listed(library.string()) ? library.string() : descriptor_name(library);
  set(kPreload, preload_list(process_environment(kPreload).value_or(""), name));

  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execv(program->c_str(), arguments.data());
  if (errno == ENOEXEC) execvp(program->c_str(), arguments.data());  // a script without a first line: the shell's
  system_error(fmt::format("'{}' cannot be started", program->string()));
}

}  // namespace plimsoll::guard
