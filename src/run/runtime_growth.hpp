// RuntimeGrowth: what backends take for themselves while one model is made ready: what its memories hold beyond what
// the accounting know of.
#pragma once
#include <memory>
#include <vector>

#include "device/meter.hpp"
#include "memory/ledger.hpp"

namespace plimsoll::run {

// From its construction, before anything of the model is loaded, to measure(). Meter and ledger outlive it.
class RuntimeGrowth {
 public:
  // Makes this process's contexts on cards where no model has one, to see what they take. `devices` are those that
  // compute for the model.
  RuntimeGrowth(const memory::Ledger& ledger, const device::Meter& meter, std::vector<device::DeviceInfo> devices);
  ~RuntimeGrowth();
  RuntimeGrowth(const RuntimeGrowth&) = delete;
  RuntimeGrowth& operator=(const RuntimeGrowth&) = delete;

  struct Figure {
    device::DeviceInfo memory;
    Bytes bytes;
    device::Whose whose = device::Whose::unknown;
    Bytes context;             // what a bare device context took; zero where that could not be seen
    bool had_context = false;  // another model has one there, of the same backend
    bool alone = true;         // no other model was made ready in the same memory meanwhile
  };
  // One for each of the meter's memories.
  [[nodiscard]] std::vector<Figure> measure() const;

 private:
  struct AtStart {
    device::MemoryUse use;
    Bytes seen;  // by the hook
    Bytes context;
    bool had_context = false;
  };
  [[nodiscard]] bool lies_in(const device::DeviceId& device, const device::DeviceInfo& memory) const;
  struct Charged {
    Bytes by_the_hook;
    Bytes runtime;
    bool has_context = false;  // of the backend whose device stands for the memory here
  };
  [[nodiscard]] Charged charged_in(const device::DeviceInfo& memory) const;
  [[nodiscard]] Bytes unseen(std::size_t memory, const device::MemoryUse& now, const device::Growth& grown) const;

  const memory::Ledger& ledger_;
  const device::Meter& meter_;
  std::vector<device::DeviceInfo> devices_;
  std::vector<AtStart> at_start_;
  class Window;  // this measurement among the others of the process
  std::unique_ptr<Window> window_;
};

}  // namespace plimsoll::run
