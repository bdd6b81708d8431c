#include "engine/engine_process.hpp"

#include <cstdlib>

#include <plimsoll/base/error.hpp>
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

std::string why_engine_ended(ChildProcess& process) {
  const auto [how, errors, signal] = process.end();
  const std::size_t assertion = errors.find("GGML_");
  if (assertion == std::string::npos) return "the engine " + how;
  return "the engine gave up: " + errors.substr(assertion, errors.find('\n', assertion) - assertion);
}

}  // namespace plimsoll::engine
