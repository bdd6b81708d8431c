// host_pages: what the kernel is told about large host buffers: to lie in huge pages, and to be there now.
#pragma once
#include <ggml-backend.h>

namespace plimsoll::gauge {

// Before anything is written to it. The engine clears a KV cache once it has it; with small pages that is a page fault
// for every 4 KiB, which was most of what making a context costs (2026-11, two busy cores of a nested virtual machine:
// 1,500 ms for 128 MiB, 110 ms with huge pages). A wish: where the kernel is told never to use them, nothing changes.
// Only the CPU's own buffers: pinned ones belong to a driver.
void prefer_huge_pages(ggml_backend_buffer_t buffer) noexcept;

// Memory that was allocated and never written to is not there yet: the kernel finds it at the first touch, and another
// process can be promised it until then. This touches every page of a host buffer, with several threads where it is
// large. A kernel before 5.14, and a driver's own mapping, may not let it: then nothing is done.
void touch_pages(ggml_backend_buffer_t buffer) noexcept;

}  // namespace plimsoll::gauge
