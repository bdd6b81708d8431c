// StreamRecord: writes a stream down once, however it ends.
#pragma once
#include <functional>
#include <utility>

#include "contained.hpp"

namespace plimsoll::server {

inline constexpr int kClientGone = 499;

// Held by what writes a stream. The library drops that where the client is gone before its headers are written, and
// nobody would hear of the request. One thread.
class StreamRecord {
 public:
  using Write = std::function<void(int status)>;
  explicit StreamRecord(Write write) : write_(std::move(write)) {}
  ~StreamRecord() { write_down(kClientGone); }
  StreamRecord(const StreamRecord&) = delete;
  StreamRecord& operator=(const StreamRecord&) = delete;

  // The first time alone.
  void write_down(int status) noexcept {
    if (const Write write = std::exchange(write_, nullptr))
      (void)contained("what writes a request down", [&] { write(status); });
  }

 private:
  Write write_;
};

}  // namespace plimsoll::server
