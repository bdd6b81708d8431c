#include "request_memory.hpp"

#include <fmt/format.h>

#include <utility>

#include "api/problem.hpp"

namespace plimsoll::server {
namespace {

// What a body is made into while it is read and answered: its JSON, messages, the rendered prompt, and its tokens with
// their places.
constexpr std::uint64_t kCopies = 7;
// Whatever it asks for: its connection's buffers, a sampler, and pieces that were made before they are read.
constexpr Bytes kEach{std::uint64_t{32} << 10U};
// Of all together: what a few small requests take is lost in what the heap keeps anyway, and a model that just fits
// stays within its budget.
constexpr Bytes kNotCharged{std::uint64_t{1} << 20U};
// Requests come and go; the log of events has one for each of these.
constexpr Bytes kStep{std::uint64_t{1} << 20U};

Bytes charged_for(Bytes held) {
  const Bytes bytes = saturating_sub(held, kNotCharged);
  return Bytes{(bytes.value() + kStep.value() - 1) / kStep.value() * kStep.value()};
}

}  // namespace

RequestMemory::RequestMemory(memory::Ledger& ledger, std::function<bool()> make_way)
    : ledger_(ledger),
      make_way_(std::move(make_way)),
      charge_(ledger, memory::on_the_heap(kOwner, memory::Stage::conversations)) {}

bool RequestMemory::fits(Bytes bytes) {
  const MutexLock lock(mutex_);
  if (!charge_.resize(charged_for(held_ + bytes))) return false;
  held_ += bytes;
  return true;
}

// Where no other request were at work.
bool RequestMemory::would_fit_alone(Bytes bytes) const {
  const MutexLock lock(mutex_);
  const memory::DeviceAccount host = ledger_.account(device::host());
  return !host.budget || saturating_sub(host.committed, charge_.size()) + charged_for(bytes) <= *host.budget;
}

void RequestMemory::grow(Bytes bytes) {
  while (!fits(bytes)) {
    if (make_way_()) continue;
    if (!would_fit_alone(bytes))  // to come again would be in vain
      throw api::Problem(413, "invalid_request",
                         fmt::format("this request takes {} of host memory at once, for which the host's budget has "
                                     "no room beside its models",
                                     format_bytes(bytes)));
    throw api::Problem(503, "busy", "the host's budget has no room for this request beside those at work")
        .retry_after(std::chrono::seconds(1));
  }
}

void RequestMemory::give_back(Bytes bytes) noexcept {
  const MutexLock lock(mutex_);
  held_ -= bytes;
  (void)charge_.resize(charged_for(held_));
}

Bytes RequestMemory::held() const {
  const MutexLock lock(mutex_);
  return held_;
}

std::unique_ptr<RequestMemory::Share> RequestMemory::take(std::size_t body) {
  auto share = std::make_unique<Share>(*this);
  if (body > 0) share->grow(kEach + Bytes{body * kCopies});
  return share;
}

std::unique_ptr<RequestMemory::Share> RequestMemory::receive(std::size_t body) {
  auto share = std::make_unique<Share>(*this);
  share->grow(Bytes{body});
  return share;
}

void RequestMemory::Share::read(Bytes text) { grow(text * kCopies); }

void RequestMemory::Share::grow(Bytes bytes) {
  all_.grow(bytes);
  held_ += bytes;
}

}  // namespace plimsoll::server
