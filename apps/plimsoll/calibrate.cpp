#include "commands.hpp"
namespace plimsoll::app { void add_calibrate(CLI::App&, GlobalOptions&, int&) {} }
