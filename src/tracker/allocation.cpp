#include "allocation.hpp"

#include <algorithm>
#include <utility>

#include "tracker/attribution.hpp"

namespace plimsoll::tracker {
namespace {

thread_local Allocation* innermost = nullptr;

// A chain of nested requests has a tag each; none longer than two was seen (2026-11, ggml 0.27.0). With room for this
// many, merging two lists of charges allocates nothing.
constexpr std::size_t kMostTags = 8;

void add(std::vector<ChargedBytes>& charges, const memory::Tag& tag, Bytes bytes) {
  const auto found = std::ranges::find(charges, tag, &ChargedBytes::tag);
  if (found == charges.end()) {
    charges.push_back({.tag = tag, .bytes = bytes});
  } else {
    found->bytes += bytes;
  }
}

}  // namespace

Allocation::Allocation(memory::AnyCapacity& capacity, const hook::Request& request)
    : capacity_(capacity), tag_(tag_of(request)), bytes_(request.bytes), outer_(std::exchange(innermost, this)) {}

Allocation::~Allocation() {
  innermost = outer_;
  give_back(capacity_, charges_);
}

std::expected<void, memory::Refusal> Allocation::acquire() {
  charges_.reserve(kMostTags);
  Bytes missing = bytes_;
  if (outer_ != nullptr) {
    for (ChargedBytes& charge : outer_->charges_) {
      if (charge.tag.device != tag_.device) continue;
      const Bytes drawn = std::min(charge.bytes, missing);
      add(charges_, charge.tag, drawn);
      charge.bytes -= drawn;
      missing -= drawn;
    }
  }
  if (missing == Bytes{}) return {};
  if (auto granted = capacity_.try_acquire(tag_, missing); !granted) {  // the destructor gives back what was drawn
    for (Allocation* request = outer_; request != nullptr; request = request->outer_) request->refused_inside_ = true;
    return granted;
  }
  add(charges_, tag_, missing);
  return {};
}

void Allocation::placed() const noexcept {
  for (const ChargedBytes& charge : charges_) capacity_.placed(charge.tag, charge.bytes);
}

std::vector<ChargedBytes> Allocation::charges_for_buffer(std::vector<ChargedBytes> inner) noexcept {
  if (inner.empty()) return std::exchange(charges_, {});
  for (const ChargedBytes& charge : charges_) add(inner, charge.tag, charge.bytes);
  charges_.clear();
  return inner;
}

Bytes Allocation::held() const noexcept {
  Bytes sum;
  for (const ChargedBytes& charge : charges_) sum += charge.bytes;
  return sum;
}

// Never more than was drawn from it.
void Allocation::take_back(ChargedBytes& charge) noexcept {
  const auto own = std::ranges::find(charges_, charge.tag, &ChargedBytes::tag);
  if (own == charges_.end()) return;
  const Bytes back = std::min(charge.bytes, saturating_sub(bytes_, held()));
  own->bytes += back;
  charge.bytes -= back;
}

void Allocation::give_back(memory::AnyCapacity& capacity, std::vector<ChargedBytes>& charges) noexcept {
  for (ChargedBytes& charge : charges) {
    for (Allocation* request = innermost; request != nullptr; request = request->outer_) request->take_back(charge);
    if (charge.bytes > Bytes{}) capacity.release(charge.tag, charge.bytes);
  }
  charges.clear();
}

}  // namespace plimsoll::tracker
