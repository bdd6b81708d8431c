// RefusalThrows: for callers of ggml that do not check whether their tensors were placed.
#pragma once

namespace plimsoll::hook {

// While it lives, a refusal to place a group of tensors is thrown as std::bad_alloc on this thread, instead of
// ggml's null. libmtmd goes on with that null, which ends the process, but catches what is thrown while
// it loads. Not for callers written in C. Does nothing where the hook is not in the way.
class RefusalThrows {
 public:
  RefusalThrows() noexcept;
  ~RefusalThrows();
  RefusalThrows(const RefusalThrows&) = delete;
  RefusalThrows& operator=(const RefusalThrows&) = delete;
};

}  // namespace plimsoll::hook
