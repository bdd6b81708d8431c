// QuantizeLog: reads what the engine's quantiser logs, the only place where it says how far it is and how large the
// tensors become.
#pragma once
#include <ggml.h>

#include <exception>
#include <functional>
#include <string>
#include <string_view>

#include "quantize/quantize.hpp"

namespace plimsoll::quantize {

// One thread.
class QuantizeLog {
 public:
  explicit QuantizeLog(std::function<void(const Progress&)> progress) : progress_(std::move(progress)) {}

  void hear(ggml_log_level level, std::string_view text);  // in pieces; a line ends with a newline
  // For llama_log_set, with this object as the data. What is thrown must not pass through the engine's C: the first of
  // it is kept, and nothing is heard after it.
  static void callback(ggml_log_level level, const char* text, void* log) noexcept;
  void rethrow() const;  // what callback() kept; nothing where there is none
  [[nodiscard]] const Result& result() const noexcept { return result_; }
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }  // the engine's reason; empty: none

 private:
  void line(std::string_view text);
  void tensor(std::string_view text);

  std::function<void(const Progress&)> progress_;
  std::string pending_;
  Result result_;
  std::string failure_;
  std::exception_ptr thrown_;
};

}  // namespace plimsoll::quantize
