#include "commands.hpp"
namespace plimsoll::app { void add_chat(CLI::App&, GlobalOptions&, int&) {} }
