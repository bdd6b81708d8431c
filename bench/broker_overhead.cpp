// What the machine's ledger costs: a reservation and its release, alone and with other processes that do the same at
// the same time. Prints JSON. See docs/benchmarks.md.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "broker/machine_ledger.hpp"

namespace {

using namespace plimsoll;
using Clock = std::chrono::steady_clock;

const broker::MemoryKey kCard{.pci = "0000:c1:00.0", .uuid = {}, .name = "CUDA0"};
constexpr std::size_t kMost = 64;

struct Shared {
  std::atomic<int> ready = 0;
  std::atomic<bool> begins = false;
  std::array<std::atomic<double>, kMost> median_us{};
  std::array<std::atomic<double>, kMost> p99_us{};
};

double at(std::vector<double>& sorted, double share) {
  std::ranges::sort(sorted);
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

// `rounds` times: what a model's load asks for and gives back at its end.
void reserve_and_release(const std::string& path, int rounds, Shared& shared, std::size_t place) {
  const auto ledger = broker::MachineLedger::open({.program = "bench", .path = path});
  const broker::AccountId card = ledger->account(kCard);
  if (!ledger->is_on()) {
    fmt::print(stderr, "broker: {}\n", ledger->why_off());
    std::_Exit(2);
  }
  ++shared.ready;
  while (!shared.begins) ::usleep(100);
  std::vector<double> us;
  const std::vector<broker::Want> wants{{.account = card, .more = 1_MiB, .free = 1024_GiB}};
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    const broker::Moment before = ledger->moment();
    if (!ledger->reserve(before, wants)) std::_Exit(3);
    ledger->release(card, 1_MiB);
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  shared.median_us[place] = at(us, 0.5);
  shared.p99_us[place] = at(us, 0.99);
}

// The slowest process's.
std::pair<double, double> together(const std::string& path, int processes, int rounds) {
  void* const place = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& shared = *new (place) Shared;
  for (int i = 0; i < processes; ++i) {
    if (::fork() == 0) {
      reserve_and_release(path, rounds, shared, static_cast<std::size_t>(i));
      std::_Exit(0);
    }
  }
  while (shared.ready < processes) ::usleep(100);
  shared.begins = true;
  bool all_well = true;
  for (int status = 0; ::wait(&status) > 0;) all_well = all_well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!all_well) std::exit(2);
  double median = 0;
  double p99 = 0;
  for (int i = 0; i < processes; ++i) {
    median = std::max(median, shared.median_us[static_cast<std::size_t>(i)].load());
    p99 = std::max(p99, shared.p99_us[static_cast<std::size_t>(i)].load());
  }
  (void)::munmap(place, sizeof(Shared));
  return {median, p99};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("broker_overhead LEDGER ROUNDS\n", stderr), 2;
  const int rounds = std::atoi(argv[2]);
  const auto [alone, alone_p99] = together(argv[1], 1, rounds);
  const auto [sixteen, sixteen_p99] = together(argv[1], 16, rounds);
  fmt::print("{{\"alone_us\": {}, \"alone_p99_us\": {}, \"sixteen_us\": {}, \"sixteen_p99_us\": {}}}\n", alone,
             alone_p99, sixteen, sixteen_p99);
  return 0;
}
