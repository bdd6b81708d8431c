#include "own_loop.hpp"

namespace plimsoll::worker {
namespace {

Inbox* the_loop = nullptr;

}  // namespace

Inbox& own_loop() noexcept { return *the_loop; }
void set_own_loop(Inbox& inbox) noexcept { the_loop = &inbox; }

}  // namespace plimsoll::worker
