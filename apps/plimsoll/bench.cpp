#include "commands.hpp"
namespace plimsoll::app { void add_bench(CLI::App&, GlobalOptions&, int&) {} }
