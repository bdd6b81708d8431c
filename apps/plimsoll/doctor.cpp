#include "commands.hpp"
namespace plimsoll::app { void add_doctor(CLI::App&, GlobalOptions&, int&) {} }
