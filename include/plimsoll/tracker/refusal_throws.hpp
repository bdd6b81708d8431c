// RefusalThrows: for callers of ggml that do not look whether they got their tensors placed.
#pragma once

namespace plimsoll::hook {

// While it lives, a refusal to place a group of tensors is thrown as std::bad_alloc on this thread, in the place of the
// null that ggml answers with. libmtmd goes on with that null, which ends the process, but catches what is thrown while
// it loads. Not for callers written in C. Does nothing where the hook is not in the way.
class RefusalThrows {
 public:
  RefusalThrows() noexcept;
  ~RefusalThrows();
  RefusalThrows(const RefusalThrows&) = delete;
  RefusalThrows& operator=(const RefusalThrows&) = delete;
};

}  // namespace plimsoll::hook
