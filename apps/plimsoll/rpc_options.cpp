#include "rpc_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include <plimsoll/base/error.hpp>

#include "exit_status.hpp"

namespace plimsoll::app {
namespace {

constexpr const char* kInsecureFlag = "--rpc-insecure";

struct OfProcess {
  bool insecure = false;         // by the command line
  bool by_command_line = false;  // it names servers: a fleet file's do not count
  bool settled = false;
};
OfProcess& of_process() {
  static OfProcess one;
  return one;
}

device::RpcPlaces places_allowed(bool insecure) {
  return insecure ? device::RpcPlaces::anywhere : device::RpcPlaces::of_private_networks;
}

device::RpcUse use_of(Computes computes) {
  switch (computes) {
    case Computes::here:
      return device::RpcUse::kept;
    case Computes::asks:
      return device::RpcUse::while_asked;
    case Computes::elsewhere:
      break;
  }
  return device::RpcUse::elsewhere;
}

volatile std::sig_atomic_t child_number = 0;

// Ctrl-C comes from the terminal to both; what somebody sends to this one alone is handed on.
void hand_on(int signal, siginfo_t* from, void*) {
  if (child_number > 0 && from->si_code != SI_KERNEL) kill(static_cast<pid_t>(child_number), signal);
}

void hand_on_signals() {
  struct sigaction action{};
  action.sa_sigaction = hand_on;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// The engine's own words came before, on stderr.
int status_of_death(int signal) {
  if (signal != SIGABRT && signal != SIGPIPE)
    return report(Error(ErrorCode::engine_failed,
                        fmt::format("the process that computed was ended by a signal ({})", strsignal(signal))),
                  false);
  const device::RpcGreeting greeting = device::greet_all();
  return report(
      Error(ErrorCode::engine_failed,
            greeting.is_well()
                ? fmt::format("the engine gave up, and with --rpc it mostly does when a server ends or the way to "
                              "it breaks; they answer again: {}",
                              device::rpc_arguments().back())
                : "the engine gave up: " + greeting.why),
      false);
}

// In the child: empty.
std::optional<int> compute_apart() {
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0)
    throw Error(ErrorCode::io, fmt::format("no process could be started to compute in: {}", std::strerror(errno)));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) std::_Exit(failed);
    setenv("GGML_NO_BACKTRACE", "1", 1);  // ggml would start a debugger to print one
    return std::nullopt;
  }
  child_number = child;
  hand_on_signals();
  const int status = wait_for(child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : status_of_death(WTERMSIG(status));
}

std::vector<std::string> values_of(const CLI::App& command, const char* flag) {
  const CLI::Option* option = command.get_option_no_throw(flag);
  return option == nullptr ? std::vector<std::string>{} : option->results();
}

bool is_given(const CLI::App& command, const char* flag) {
  const CLI::Option* option = command.get_option_no_throw(flag);
  return option != nullptr && option->count() > 0;
}

}  // namespace

Computes computes(const CLI::App& command) {
  static constexpr std::array<std::string_view, 3> kElsewhere{"plan", "serve", "top"};
  static constexpr std::array<std::string_view, 2> kAsk{"devices", "doctor"};
  if (std::ranges::contains(kElsewhere, command.get_name())) return Computes::elsewhere;
  return std::ranges::contains(kAsk, command.get_name()) ? Computes::asks : Computes::here;
}

std::optional<int> take_rpc_servers(const CLI::App& command) {
  if (command.get_option_no_throw(kInsecureFlag) == nullptr) return std::nullopt;
  of_process().insecure = is_given(command, kInsecureFlag);
  auto servers = device::parse_rpc_addresses(values_of(command, device::kRpcFlag));
  if (servers.empty()) return std::nullopt;
  of_process().by_command_line = true;
  servers = device::resolved(std::move(servers), places_allowed(of_process().insecure));
  const Computes how = computes(command);
  const bool on_fleet = is_given(command, "--fleet");  // its models have processes of their own
  device::set_rpc_servers(std::move(servers), on_fleet ? device::RpcUse::elsewhere : use_of(how));
  if (how == Computes::elsewhere || on_fleet) return std::nullopt;
  return compute_apart();
}

std::vector<device::RpcAddress> settle_rpc_servers(std::vector<device::RpcAddress> of_file, bool file_is_insecure) {
  OfProcess& process = of_process();
  if (process.by_command_line) return device::rpc_servers();
  if (std::exchange(process.settled, true)) {
    const std::vector<device::RpcAddress>& known = device::rpc_servers();
    if (std::ranges::equal(of_file, known, {}, &device::RpcAddress::written, &device::RpcAddress::written))
      return known;
    throw Error(ErrorCode::usage,
                "'rpc' names other servers than at the start, and their devices are numbered as they come: start anew");
  }
  of_file = device::resolved(std::move(of_file), places_allowed(process.insecure || file_is_insecure));
  device::set_rpc_servers(of_file, device::RpcUse::elsewhere);
  return of_file;
}

}  // namespace plimsoll::app
