// Tests run side by side, each under budgets of its own: they do not stand in the machine's ledger, which is one for
// all of them. Those that are about it say where theirs lies.
#include <cstdlib>

namespace {

const int stays_away = ::setenv("PLIMSOLL_BROKER", "off", 0);

}  // namespace
