// The pages of a buffer are the program's own: the guard neither touches them nor asks the kernel for large ones, as
// the tracker does for models of ours (src/tracker/host_pages.cpp).
#include "host_pages.hpp"

namespace plimsoll::tracker {

void prefer_huge_pages(ggml_backend_buffer_t) noexcept {}
Touched touch_pages(ggml_backend_buffer_t, const TouchProgress&) noexcept { return Touched::there; }

}  // namespace plimsoll::tracker
