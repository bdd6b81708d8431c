#include "base/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>

#include <plimsoll/base/error.hpp>

namespace plimsoll::log {
namespace {

std::atomic<Level> current_level{Level::warn};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::trace:
      return spdlog::level::trace;
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

struct Output {
  std::mutex mutex;
  Sink sink;
  std::shared_ptr<spdlog::logger> terminal = make_terminal();
  std::shared_ptr<spdlog::logger> file;

  static std::shared_ptr<spdlog::logger> make_terminal() {
    const bool plain = std::getenv("NO_COLOR") != nullptr || isatty(STDERR_FILENO) == 0;
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(plain ? spdlog::color_mode::never
                                                                            : spdlog::color_mode::automatic);
    auto logger = std::make_shared<spdlog::logger>("plimsoll", std::move(sink));
    logger->set_pattern("plimsoll: %^%l%$: %v");
    logger->set_level(spdlog::level::trace);
    return logger;
  }
};

Output& output() {
  static Output the_output;
  return the_output;
}

}  // namespace

void set_level(Level level) { current_level.store(level, std::memory_order_relaxed); }
Level level() noexcept { return current_level.load(std::memory_order_relaxed); }

void open_file(const std::string& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    auto logger = std::make_shared<spdlog::logger>("file", std::move(sink));
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
    const std::lock_guard lock(output().mutex);
    output().file = std::move(logger);
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(ErrorCode::io, "the log file '" + path + "' cannot be written: " + error.what());
  }
}

void set_sink(Sink sink) {
  const std::lock_guard lock(output().mutex);
  output().sink = std::move(sink);
}

void write(Level level, std::string_view component, std::string_view message) try {
  if (level < current_level.load(std::memory_order_relaxed)) return;
  Output& out = output();
  const std::lock_guard lock(out.mutex);
  if (out.sink) {
    out.sink(level, component, message);
    return;
  }
  if (out.file) out.file->log(to_spdlog(level), "{}: {}", component, message);
  if (!out.file || level >= Level::warn) out.terminal->log(to_spdlog(level), "{}: {}", component, message);
} catch (...) {  // a sink that fails loses the line: who logs from a destructor or for the engine must not fail of it
}

}  // namespace plimsoll::log
