#include "exit_status.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

namespace plimsoll::app {

ExitStatus exit_status(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::usage:
    case ErrorCode::unsupported:
      return usage;
    case ErrorCode::over_budget:
    case ErrorCode::out_of_device_memory:
      return refused;
    case ErrorCode::model_unusable:
      return unusable_model;
    case ErrorCode::cancelled:
      return interrupted;
    case ErrorCode::context_overflow:
    case ErrorCode::busy:
    case ErrorCode::sealed:
    case ErrorCode::io:
    case ErrorCode::engine_failed:
    case ErrorCode::arithmetic:
    case ErrorCode::internal:
      break;
  }
  return failed;
}

ExitStatus report(const Error& error, bool json) {
  fmt::print(stderr, "plimsoll: {}\n", error.what());
  if (json) {
    nlohmann::ordered_json numbers = nlohmann::ordered_json::object();
    for (const auto& [name, value] : error.numbers()) numbers[name] = value;
    const nlohmann::ordered_json out{{"schema", "plimsoll.error/1"},
                                     {"code", to_string(error.code())},
                                     {"message", error.what()},
                                     {"numbers", numbers}};
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }
  return exit_status(error.code());
}

}  // namespace plimsoll::app
