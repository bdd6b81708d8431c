// What the dynamic linker runs before anything of the program: as little as there is.
#include "reports.hpp"

namespace {

__attribute__((constructor)) void start() { plimsoll::guard::begin_reports(); }

}  // namespace
