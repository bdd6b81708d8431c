// guarded_command: what stands behind "--" of `plimsoll guard` and `plimsoll doctor`: another program's command line,
// in which nothing is ours.
#pragma once
#include <string>
#include <vector>

namespace plimsoll::app {

// Takes it off ours: of the arguments those up to the "--" are left, and the rest is guarded_command(). Other
// subcommands' are left alone.
void take_guarded_command(int& argc, char** argv);
[[nodiscard]] const std::vector<std::string>& guarded_command() noexcept;

// Whether this is the command line of `plimsoll guard`.
[[nodiscard]] bool is_guard(int argc, const char* const* argv);

}  // namespace plimsoll::app
