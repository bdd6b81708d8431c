#include "faults.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::worker {
namespace {

struct Fault {
  std::string how;
  engine::Token token = engine::kNoToken;
};

std::optional<Fault> fault_asked_for() {
  const char* const text = std::getenv("PLIMSOLL_TEST_WORKER_FAULT");
  if (text == nullptr) return std::nullopt;
  const std::string all(text);
  const std::size_t at = all.find('@');
  if (at == std::string::npos) return std::nullopt;
  return Fault{.how = all.substr(0, at), .token = std::atoi(all.c_str() + at + 1)};
}

[[noreturn]] void take_all_memory() {
  constexpr std::size_t kBlock = std::size_t{64} << 20U;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (;;) {
    blocks.push_back(std::make_unique<char[]>(kBlock));
    std::fill_n(blocks.back().get(), kBlock, 'x');
  }
}

const std::optional<Fault>& fault() {
  static const std::optional<Fault> kFault = fault_asked_for();
  return kFault;
}

}  // namespace

bool faults_are_on() { return fault().has_value(); }

void fault_at(std::span<const engine::Token> tokens) {
  const std::optional<Fault>& asked = fault();
  if (!asked || !std::ranges::contains(tokens, asked->token)) return;
  if (asked->how == "abort") std::abort();
  if (asked->how == "segv") (void)std::raise(SIGSEGV);
  if (asked->how == "alloc") take_all_memory();
  volatile bool goes_on = true;
  while (asked->how == "loop" && goes_on) {
  }
}

void fault_when_taken(std::span<const engine::Token> tokens) {
  const std::optional<Fault>& asked = fault();
  if (!asked || !std::ranges::contains(tokens, asked->token)) return;
  if (asked->how == "taken") std::abort();
  while (asked->how == "stuck") (void)pause();
}

void fault_while_loading() {
  while (fault() && fault()->how == "hang") (void)pause();
}

}  // namespace plimsoll::worker
