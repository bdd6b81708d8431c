#include "company.hpp"

#include <algorithm>

namespace plimsoll::run {
namespace {

// A batch of one more costs little, a batch more costs nearly the whole of one: a tenth of it is well spent, and more
// than choosing a token takes.
constexpr int kShareOfABatch = 10;
constexpr std::chrono::milliseconds kLongest{10};

}  // namespace

bool Company::all_are_back(const Sequences& sequences) {
  return std::ranges::none_of(sequences, [](const std::shared_ptr<Sequence>& sequence) {
    return sequence->expected && sequence->waiting() == 0;
  });
}

void Company::gather(std::unique_lock<std::mutex>& lock, const Sequences& sequences) {
  (void)back_.wait_until(lock, wait_until_, [&] { return all_are_back(sequences); });
  for (const std::shared_ptr<Sequence>& sequence : sequences) sequence->expected = false;
}

void Company::left(const Sequences& sequences, std::chrono::steady_clock::duration took) {
  const auto guests = std::ranges::count_if(sequences, [](const auto& sequence) { return sequence->guests.count > 0; });
  for (const std::shared_ptr<Sequence>& sequence : sequences)
    sequence->expected = guests > 1 && sequence->guests.count > 0 && sequence->waiting() == 0;
  wait_until_ =
      std::chrono::steady_clock::now() + std::min<std::chrono::steady_clock::duration>(kLongest, took / kShareOfABatch);
}

}  // namespace plimsoll::run
