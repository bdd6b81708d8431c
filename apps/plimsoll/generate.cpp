#include "commands.hpp"
namespace plimsoll::app { void add_generate(CLI::App&, GlobalOptions&, int&) {} }
