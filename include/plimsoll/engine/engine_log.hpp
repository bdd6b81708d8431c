// engine_log: the engine's log lines of this thread, kept while one listens, for what the API does not tell otherwise.
#pragma once
#include <string>
#include <vector>

namespace plimsoll::engine {

// Collects whole lines of every level that the engine logs on this thread. Nests: the innermost one collects.
class EngineLogListener {
 public:
  EngineLogListener();
  ~EngineLogListener();
  EngineLogListener(const EngineLogListener&) = delete;
  EngineLogListener& operator=(const EngineLogListener&) = delete;

  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }
  // The first error the engine logged: later ones mostly repeat that it failed. Empty: none.
  [[nodiscard]] const std::string& first_error() const noexcept { return first_error_; }

  // Called by the log callback.
  static void hear(const std::string& line, bool is_error);

 private:
  EngineLogListener* previous_;
  std::vector<std::string> lines_;
  std::string first_error_;
};

}  // namespace plimsoll::engine
