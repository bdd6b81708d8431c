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
  // Whether an error told of memory that was not there. The engine's functions answer null for every failure, so its
  // words are all that tells whose fault one is; who sees allocations (the tracker's hook) knows it better, and is
  // asked first where there is one. tests/engine/engine_words_engine_test.cpp makes the engine say each of them.
  [[nodiscard]] bool told_of_missing_memory() const noexcept { return missing_memory_; }
  // The first error, or that there was none: the end of a sentence.
  [[nodiscard]] std::string reason() const;

  // Called by the log callback.
  static void hear(const std::string& line, bool is_error);

 private:
  EngineLogListener* previous_;
  std::vector<std::string> lines_;
  std::string first_error_;
  bool missing_memory_ = false;
};

}  // namespace plimsoll::engine
