#include "engine/backend.hpp"

#include <ggml-backend.h>
#include <llama.h>
#include <mtmd-helper.h>

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/version.hpp"
#include "device/rpc_servers.hpp"
#include "engine/backend_folder.hpp"
#include "engine/engine_log.hpp"

namespace plimsoll::engine {
namespace {

std::atomic<bool> started{false};
thread_local EngineLogListener* listener = nullptr;

log::Level level_of(ggml_log_level level) {
  switch (level) {
    case GGML_LOG_LEVEL_ERROR:
      return log::Level::error;
    case GGML_LOG_LEVEL_WARN:
      return log::Level::warn;
    case GGML_LOG_LEVEL_INFO:
      return log::Level::debug;  // the engine's "info" is a page per model
    default:
      return log::Level::trace;
  }
}

// ggml's own words and its backends': "failed to allocate CPU buffer", "unable to allocate", "cudaMalloc failed: out of
// memory", "Device memory allocation of size ... failed", "ErrorOutOfDeviceMemory".
bool tells_of_missing_memory(std::string_view line) {
  return line.contains("allocate") || line.contains("out of memory") || line.contains("memory allocation") ||
         line.contains("OutOfDeviceMemory") || line.contains("OutOfHostMemory") || line.contains("bad_alloc");
}

// The engine sends pieces; a line ends where one ends with a newline.
void on_engine_log(ggml_log_level level, const char* text, void*) noexcept {
  thread_local std::string pending;
  thread_local ggml_log_level pending_level = GGML_LOG_LEVEL_INFO;
  try {
    if (level != GGML_LOG_LEVEL_CONT) pending_level = level;
    pending += text;
    if (pending.empty() || pending.back() != '\n') return;
    while (!pending.empty() && pending.back() == '\n') pending.pop_back();
    EngineLogListener::hear(pending, pending_level == GGML_LOG_LEVEL_ERROR);
    // While somebody listens, errors become part of what is thrown; saying them twice helps nobody.
    const bool told_otherwise = listener != nullptr && pending_level >= GGML_LOG_LEVEL_WARN;
    log::write(told_otherwise ? log::Level::debug : level_of(pending_level), "engine", pending);
  } catch (...) {  // a line that cannot be kept is lost; nothing may be thrown through the engine
  }
  pending.clear();
}

// From the engine's own folder: ggml's search begins where the engine was built for, which is another engine's where
// this one was moved, and ends in the program's working folder, which anybody may have filled. GGML_BACKEND_PATH counts
// either way.
void load_backends() {
  if (const auto folder = own_backend_folder(); !folder.empty()) {
    ggml_backend_load_all_from_path(folder.c_str());
  } else {
    ggml_backend_load_all();
  }
}

}  // namespace

EngineLogListener::EngineLogListener() : previous_(listener) { listener = this; }
EngineLogListener::~EngineLogListener() { listener = previous_; }

void EngineLogListener::hear(const std::string& line, bool is_error) {
  if (listener == nullptr) return;
  listener->lines_.push_back(line);
  if (!is_error) return;
  if (listener->first_error_.empty()) listener->first_error_ = line;
  listener->missing_memory_ = listener->missing_memory_ || tells_of_missing_memory(line);
}

std::string EngineLogListener::reason() const {
  return first_error_.empty() ? "the engine gave no reason" : first_error_;
}

void start_backends() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(on_engine_log, nullptr);
    mtmd_helper_log_set(on_engine_log, nullptr);
    load_backends();
    llama_backend_init();
    started.store(true);
    if (const std::string mismatch = version_mismatch(); !mismatch.empty()) log::warn("engine", "{}", mismatch);
    if (const std::string problem = own_backend_problem(); !problem.empty()) log::warn("engine", "{}", problem);
  });
  device::add_rpc_devices();
}

bool backends_started() noexcept { return started.load(); }

EngineVersion engine_version() {
  return {.llama = llama_version(),
          .ggml = ggml_version(),
          .built_against_llama = std::string(engine_version_built_against())};
}

std::string version_mismatch() {
  const EngineVersion version = engine_version();
  if (version.llama == version.built_against_llama) return {};
  return fmt::format(
      "the engine loaded is llama.cpp {}, this program was built against {}; build it again if anything misbehaves",
      version.llama, version.built_against_llama);
}

}  // namespace plimsoll::engine
