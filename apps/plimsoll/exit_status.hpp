// How the program ends: one table from error codes to exit statuses, one shape for every failure.
#pragma once
#include <exception>
#include <string>
#include <string_view>

#include <plimsoll/base/error.hpp>

namespace plimsoll::app {

enum ExitStatus : int { done = 0, failed = 1, usage = 2, refused = 3, unusable_model = 4, interrupted = 130 };

[[nodiscard]] ExitStatus exit_status(ErrorCode code) noexcept;

// The sentence on stderr and, with --json, the same as plimsoll.error/1 on stdout.
ExitStatus report(const Error& error, bool json);

// An error of ours as it is. What the standard library or a dependency threw has no sentence for people: of it comes an
// Error{internal} that names the place ("generate"), the type, and an id that is the same wherever the same happens;
// its own text goes to the log. Files and memory that the system refuses are no faults of ours and keep their codes.
[[nodiscard]] Error error_of(const std::exception& thrown, std::string_view place);

}  // namespace plimsoll::app
