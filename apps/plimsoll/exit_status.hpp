// How the program ends: one table from error codes to exit statuses, one shape for every failure.
#pragma once
#include <plimsoll/base/error.hpp>

namespace plimsoll::app {

enum ExitStatus : int { done = 0, failed = 1, usage = 2, refused = 3, unusable_model = 4, interrupted = 130 };

[[nodiscard]] ExitStatus exit_status(ErrorCode code) noexcept;

// The sentence on stderr and, with --json, the same as plimsoll.error/1 on stdout.
ExitStatus report(const Error& error, bool json);

}  // namespace plimsoll::app
