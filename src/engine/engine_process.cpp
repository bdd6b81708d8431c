#include "engine/engine_process.hpp"

#include <algorithm>
#include <cstdlib>
#include <ranges>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "device/rpc_servers.hpp"
#include "engine/backend.hpp"

namespace plimsoll::engine {

void prepare_engine_process(int in) {
  setenv("GGML_NO_BACKTRACE", "1", 1);  // ggml would start a debugger to print one
  prepare_child(in);
}

std::unique_ptr<ChildProcess> start_engine_process(const std::vector<std::string>& helper,
                                                   const ChildProcess::Serve& serve) {
  if (!backends_started() && has_one_thread()) return std::make_unique<ChildProcess>(serve);
  if (helper.empty()) {
    throw Error(ErrorCode::unsupported,
                "this process has threads or backends already, so its child must be a program of its own: name one");
  }
  return std::make_unique<ChildProcess>(helper);
}

std::string_view assertion_in(std::string_view errors) {
  if (const std::size_t named = errors.find("GGML_"); named != std::string_view::npos)
    return errors.substr(named, errors.find('\n', named) - named);
  for (const auto line : errors | std::views::split('\n')) {
    const std::string_view text(line);
    const std::size_t end_of_file = text.find(':');
    if (end_of_file == std::string_view::npos || text.substr(0, end_of_file).contains(' ')) continue;
    const std::string_view rest = text.substr(end_of_file + 1);
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits > 0 && rest.substr(digits).starts_with(": ")) return rest.substr(digits + 2);
  }
  return {};
}

std::string why_engine_ended(ChildProcess& process) {
  const auto [how, errors, signal] = process.end();
  if (const std::size_t server = errors.rfind(device::kEndedByServer); server != std::string::npos)
    return errors.substr(server, errors.find('\n', server) - server);
  const std::string_view assertion = assertion_in(errors);
  return assertion.empty() ? "the engine " + how : fmt::format("the engine gave up: {}", assertion);
}

}  // namespace plimsoll::engine
