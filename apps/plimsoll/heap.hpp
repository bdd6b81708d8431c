// What a long-lived process asks of the C library's heap.
#pragma once

namespace plimsoll::app {

// Large blocks (parked conversations, logits, bodies of requests) go back to the system when they are freed. glibc
// raises its limit for that to 32 MiB as it sees them freed, and keeps them in as many arenas as there are threads
// from then on: 110 MiB that nobody used after three minutes of a server's soak. Before other threads are started;
// elsewhere than on glibc it does nothing.
void give_large_blocks_back() noexcept;

}  // namespace plimsoll::app
