#include "guarded_command.hpp"

#include <algorithm>
#include <span>
#include <string_view>

namespace plimsoll::app {
namespace {

std::vector<std::string>& command() {
  static std::vector<std::string> the_command;
  return the_command;
}

// The first word that is no flag, and no value of one of the program's own flags.
std::string_view subcommand_of(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return {};
    if (word == "--log-file" || word == "--config") {
      ++i;
    } else if (!word.starts_with('-')) {
      return word;
    }
  }
  return {};
}

}  // namespace

bool is_guard(int argc, const char* const* argv) { return subcommand_of(argc, argv) == "guard"; }

void take_guarded_command(int& argc, char** argv) {
  if (!is_guard(argc, argv) && subcommand_of(argc, argv) != "doctor") return;
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const auto mark =
      std::ranges::find(arguments, std::string_view("--"), [](const char* one) { return std::string_view(one); });
  if (mark == arguments.end()) return;
  command().assign(mark + 1, arguments.end());
  argc = static_cast<int>(mark - arguments.begin());
}

const std::vector<std::string>& guarded_command() noexcept { return command(); }

}  // namespace plimsoll::app
