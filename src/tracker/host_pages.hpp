// host_pages: what the kernel is told about large host buffers: to lie in huge pages, and to be there now.
#pragma once
#include <ggml-backend.h>

#include <cstddef>
#include <functional>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::tracker {

// Before anything is written to it. The engine clears a KV cache once it has it; with small pages that is a page fault
// for every 4 KiB, which was most of what making a context costs (2026-11, two busy cores of a nested virtual machine:
// 1,500 ms for 128 MiB, 110 ms with huge pages). A wish: where the kernel is told never to use them, nothing changes.
// Only the CPU's own buffers: pinned ones belong to a driver.
void prefer_huge_pages(ggml_backend_buffer_t buffer) noexcept;

enum class Touched {
  there,    // every page, or as many as can be asked for: a driver's own mapping may not let it, and keeps its pages
            // itself
  missing,  // the kernel has no memory for some of them: what was allocated is a promise that it cannot keep
};

// How much of how much is there, on the thread that asked. What it throws is swallowed.
using TouchProgress = std::function<void(Bytes done, Bytes of)>;

// Memory that was allocated and never written to is not there yet: the kernel finds it at the first touch, and another
// process can be promised it until then. This touches every page of a host buffer, piece by piece, with several threads
// where it is large; `progress` hears of buffers of more than one piece. Where the kernel does not know the request
// (before 5.14) a byte of each page is written in its place, with the value that it has.
[[nodiscard]] Touched touch_pages(ggml_backend_buffer_t buffer, const TouchProgress& progress = {}) noexcept;

// As touch_pages(), of whole pages that somebody else describes. `writable`: a byte of each may be written.
[[nodiscard]] Touched touch_range(void* first, std::size_t bytes, bool writable,
                                  const TouchProgress& progress) noexcept;

// Asks the kernel for pages: 0, or what errno says. Another one in the kernel's place, for tests; answers the one
// before.
using Populate = int (*)(void* first, std::size_t bytes) noexcept;
Populate exchange_populate(Populate next) noexcept;

}  // namespace plimsoll::tracker
