#include "company.hpp"

#include <algorithm>
#include "base/clock.hpp"

namespace plimsoll::run {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A batch of one more costs little, a batch more costs nearly the whole of one: half of it is well spent. Whoever ends
// with a last token of its own is never waited for in vain, since that token waits to be decoded, too.
constexpr int kShareOfABatch = 2;
constexpr Clock::duration kLongest = 50ms;
constexpr Clock::duration kForEntries = 2ms;  // they want the lock, and have it as soon as somebody waits here

}  // namespace

bool Company::all_are_here(const Sequences& sequences) const {
  return entering_ == 0 && std::ranges::none_of(sequences, [](const std::shared_ptr<Sequence>& sequence) {
           return sequence->expected && sequence->waiting() == 0;
         });
}

// Of several that gather, the first decodes for all. The others' time is over by then, but not that of those who were
// decoded with them: they leave the expectations as they are.
void Company::gather(std::unique_lock<std::mutex>& lock, const Sequence& own, const Sequences& sequences) {
  const auto until = std::max(wait_until_, Clock::now() + kForEntries);
  const auto decoded = [&] { return own.waiting() == 0; };
  const bool all = back_.wait_until(lock, until, [&] { return decoded() || all_are_here(sequences); });
  if (decoded()) return;
  for (const std::shared_ptr<Sequence>& sequence : sequences) {
    if (!all || sequence->waiting() > 0) sequence->expected = false;
  }
}

void Company::left(const std::vector<Sequence*>& together, Clock::duration took) {
  const bool of_several_threads = std::ranges::any_of(
      together, [&](const Sequence* sequence) { return sequence->driver != together.front()->driver; });
  for (Sequence* sequence : together) sequence->expected = of_several_threads && sequence->waiting() == 0;
  wait_until_ = Clock::now() + std::min(kLongest, took / kShareOfABatch);
}

}  // namespace plimsoll::run
