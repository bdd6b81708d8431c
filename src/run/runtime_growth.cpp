#include "runtime_growth.hpp"

#include <algorithm>
#include <mutex>

#include "engine/device_context.hpp"

namespace plimsoll::run {
// Measurements that go on at the same time measure each other where they share a memory. Host memory is grown by every
// model that is loaded, wherever it computes.
class RuntimeGrowth::Window {
 public:
  explicit Window(const std::vector<device::DeviceInfo>& memories)
      : memories_(memories), alone_(memories.size(), true) {
    const std::lock_guard lock(mutex());
    for (Window* other : open()) {
      disturbed_by(*other);
      other->disturbed_by(*this);
    }
    open().push_back(this);
  }
  ~Window() {
    const std::lock_guard lock(mutex());
    std::erase(open(), this);
  }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  [[nodiscard]] bool alone_in(std::size_t memory) const {
    const std::lock_guard lock(mutex());
    return alone_[memory];
  }

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  static std::vector<Window*>& open() {
    static std::vector<Window*> windows;
    return windows;
  }
  void disturbed_by(const Window& other) {
    for (std::size_t i = 0; i < memories_.size(); ++i) {
      const bool both = std::ranges::any_of(other.memories_, [&](const device::DeviceInfo& memory) {
        return device::share_memory(memory, memories_[i]);
      });
      if (both || memories_[i].memory_is_hosts) alone_[i] = false;
    }
  }

  const std::vector<device::DeviceInfo> memories_;
  std::vector<bool> alone_;
};

RuntimeGrowth::RuntimeGrowth(const memory::Ledger& ledger, const device::Meter& meter,
                             std::vector<device::DeviceInfo> devices)
    : ledger_(ledger), meter_(meter), devices_(std::move(devices)) {
  window_ = std::make_unique<Window>(meter_.memories());
  device::Meter::Reading reading = meter_.read();
  for (std::size_t i = 0; i < reading.size(); ++i) {
    const Charged charged = charged_in(meter_.memories()[i]);
    at_start_.push_back(
        {.use = reading[i], .seen = charged.by_the_hook, .context = {}, .had_context = charged.has_context});
  }
  // One after the other, so that each is seen alone.
  for (std::size_t i = 0; i < reading.size(); ++i) {
    const device::DeviceInfo& memory = meter_.memories()[i];
    if (memory.memory_is_hosts || at_start_[i].had_context) continue;
    if (!engine::make_device_context(memory.id.name())) continue;
    device::Meter::Reading now = meter_.read();
    const device::Growth grown = device::growth(reading[i], now[i]);
    if (grown.whose == device::Whose::this_process) at_start_[i].context = grown.bytes;
    reading = std::move(now);
  }
}

RuntimeGrowth::~RuntimeGrowth() = default;

bool RuntimeGrowth::lies_in(const device::DeviceId& device, const device::DeviceInfo& memory) const {
  if (ledger_.memory_of(device) == memory.memory() || (memory.memory_is_hosts && device.is_host())) return true;
  return std::ranges::any_of(devices_, [&](const device::DeviceInfo& info) {
    return info.id == device && device::share_memory(info, memory);
  });
}

RuntimeGrowth::Charged RuntimeGrowth::charged_in(const device::DeviceInfo& memory) const {
  Charged charged;
  for (const memory::Entry& entry : ledger_.entries()) {
    if (!entry.charged || !lies_in(entry.tag.device, memory)) continue;
    (entry.tag.stage == memory::Stage::runtime ? charged.runtime : charged.by_the_hook) += entry.taken.current;
    // The bytes are the card's, but a context is a backend's: the other one's is not found made.
    const bool of_this_backend = entry.tag.device == memory.id || memory.memory_is_hosts;
    if (entry.tag.stage == memory::Stage::runtime && of_this_backend && entry.taken.current > Bytes{})
      charged.has_context = true;
  }
  return charged;
}

// On a card all that this process uses is there for its models, so what nobody charged is this one's: a context that a
// dry run made before it was loaded, too. A process uses host memory for other things, so there only what grew since is
// looked at; what neighbours took or gave back meanwhile is theirs, and runtime entries are left out: they are charged
// when something has been measured, not when it is taken.
Bytes RuntimeGrowth::unseen(std::size_t memory, const device::MemoryUse& now, const device::Growth& grown) const {
  const Charged charged = charged_in(meter_.memories()[memory]);
  if (grown.whose == device::Whose::this_process && !meter_.memories()[memory].memory_is_hosts)
    return saturating_sub(now.this_process.value_or(Bytes{}), charged.by_the_hook + charged.runtime);
  const Bytes seen = at_start_[memory].seen;
  return saturating_sub(grown.bytes + saturating_sub(seen, charged.by_the_hook),
                        grown.shrunk + saturating_sub(charged.by_the_hook, seen));
}

std::vector<RuntimeGrowth::Figure> RuntimeGrowth::measure() const {
  std::vector<Figure> figures;
  const device::Meter::Reading now = meter_.read();
  for (std::size_t i = 0; i < at_start_.size(); ++i) {
    const device::Growth grown = device::growth(at_start_[i].use, now[i]);
    figures.push_back({.memory = meter_.memories()[i],
                       .bytes = unseen(i, now[i], grown),
                       .whose = grown.whose,
                       .context = at_start_[i].context,
                       .had_context = at_start_[i].had_context,
                       .alone = window_->alone_in(i)});
  }
  return figures;
}

}  // namespace plimsoll::run
