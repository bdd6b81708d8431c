// Allocation: one request of ggml's, from our permission to the buffer, with what nested requests take of it.
#pragma once
#include <expected>
#include <vector>

#include <plimsoll/memory/entry.hpp>
#include "memory/capacity.hpp"
#include "tracker/hook.hpp"

namespace plimsoll::tracker {

// Bytes that stand in the ledger under a tag.
struct ChargedBytes {
  memory::Tag tag;
  Bytes bytes;
};

// Some buffer types take their bytes from another: CPU_REPACK asks the CPU type for the same N from inside its own
// request for N. The outer request is granted N; the inner one draws on that grant, and asks only for what goes beyond
// it (pinned host memory that falls back to the CPU wants 32 bytes more). So every byte is charged once, under the tag
// that the plan knows.
//
// Lives on the stack of the thread that allocates. Its destructor gives back every charge without a buffer.
class Allocation {
 public:
  Allocation(memory::AnyCapacity& capacity, const hook::Request& request);
  ~Allocation();
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;

  // Asks for what it cannot draw from the request around it. On a refusal nothing is held.
  [[nodiscard]] std::expected<void, memory::Refusal> acquire();
  // A nested request was refused by us: then it is not the device that this one got nothing from.
  [[nodiscard]] bool refused_inside() const noexcept { return refused_inside_; }
  // The device has given what was asked for: tells the others.
  void placed() const noexcept;
  // The buffer exists: hands over the charges for it. `inner`: those that a nested request left with this buffer.
  [[nodiscard]] std::vector<ChargedBytes> charges_for_buffer(std::vector<ChargedBytes> inner) noexcept;
  // Of a buffer that is gone. What it drew from a request that is still on its way goes back there.
  static void give_back(memory::AnyCapacity& capacity, std::vector<ChargedBytes>& charges) noexcept;

 private:
  [[nodiscard]] Bytes held() const noexcept;
  void take_back(ChargedBytes& charge) noexcept;

  memory::AnyCapacity& capacity_;
  memory::Tag tag_;
  Bytes bytes_;
  Allocation* outer_;  // the request of this thread that this one is nested in
  bool refused_inside_ = false;
  std::vector<ChargedBytes> charges_;  // what is held and no buffer stands for yet, each tag once
};

}  // namespace plimsoll::tracker
