// engine_process: a child that runs the engine for this process, so that a file which ends the engine does not end us.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/child_process.hpp"

namespace plimsoll::engine {

// prepare_child(), and ggml prints no backtrace with a debugger.
void prepare_engine_process(int in);

// `serve` runs in a forked child where this process has one thread and has not started the backends; elsewhere `helper`
// is run. Throws Error: unsupported (neither is possible), io.
[[nodiscard]] std::unique_ptr<ChildProcess> start_engine_process(const std::vector<std::string>& helper,
                                                                 const ChildProcess::Serve& serve);

// What ggml printed of an assertion, without the place in its source; empty where it printed none.
[[nodiscard]] std::string_view assertion_in(std::string_view errors);

// Why it ended: the assertion that ggml printed, else the signal or status. Only after read_line() came back empty,
// once.
[[nodiscard]] std::string why_engine_ended(ChildProcess& process);

}  // namespace plimsoll::engine
