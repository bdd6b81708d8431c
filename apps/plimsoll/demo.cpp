#include "commands.hpp"
namespace plimsoll::app { void add_demo(CLI::App&, GlobalOptions&, int&) {} }
