#include <plimsoll/base/error.hpp>

namespace plimsoll {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::usage:
      return "usage";
    case ErrorCode::over_budget:
      return "over_budget";
    case ErrorCode::out_of_device_memory:
      return "out_of_device_memory";
    case ErrorCode::model_unusable:
      return "model_unusable";
    case ErrorCode::context_overflow:
      return "context_overflow";
    case ErrorCode::busy:
      return "busy";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::sealed:
      return "sealed";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::io:
      return "io";
    case ErrorCode::engine_failed:
      return "engine_failed";
    case ErrorCode::model_crashed:
      return "model_crashed";
    case ErrorCode::arithmetic:
      return "arithmetic";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace plimsoll
