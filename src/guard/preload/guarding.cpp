#include "guarding.hpp"

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <mutex>

#include "forking.hpp"

namespace plimsoll::guard {
namespace {

thread_local int own_work = 0;

// Made by the first who asks, and never destroyed. Making it takes a while (drivers and the machine's ledger are
// asked): a fork does not wait for that, and its child makes its own.
template <class T>
class MadeOnce {
 public:
  [[nodiscard]] T* if_there() const noexcept { return made_.load(std::memory_order_acquire); }
  template <class Make>
  [[nodiscard]] T& or_made(const Make& make) {
    if (T* there = if_there()) return *there;
    const std::lock_guard making(making_);
    if (T* there = if_there()) return *there;
    T* made = make();
    const std::lock_guard showing(showing_);
    made_.store(made, std::memory_order_release);
    return *made;
  }
  // Between these two it does not come to be there.
  void hold() { showing_.lock(); }
  void let_go() { showing_.unlock(); }
  void renew_in_child() noexcept { making_.renew_in_child(); }

 private:
  CallingMutex making_;
  std::mutex showing_;
  std::atomic<T*> made_ = nullptr;
};
constinit MadeOnce<Accounts> the_accounts;
constinit MadeOnce<Contexts> the_contexts;

std::string read_program_file() {
  std::error_code error;
  const auto file = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "" : file.string();
}

struct Known {
  std::mutex mutex;
  std::vector<EngineRow> engines;
};
Known& known() {
  static auto* const the_known = new Known;
  return *the_known;
}

}  // namespace

const Settings& settings() {
  static const auto* const the_settings = [] {
    auto read = read_settings(process_environment);
    if (read) return new Settings(std::move(*read));
    const std::string problem = read.error() + "; the guard's defaults hold\n";
    std::fprintf(stderr, "plimsoll guard: %s", problem.c_str());
    return new Settings;
  }();
  return *the_settings;
}

Accounts& accounts() {
  return the_accounts.or_made([] { return new Accounts(settings(), "guard: " + program_name()); });
}

Accounts* accounts_if_there() noexcept { return the_accounts.if_there(); }

Contexts& contexts() {
  return the_contexts.or_made([] { return new Contexts(settings(), accounts()); });
}

Contexts* contexts_if_there() noexcept { return the_contexts.if_there(); }

void hold_making() {
  (void)program_name();  // with which they are made: the child would wait for a thread that has begun to read it
  the_contexts.hold();
  the_accounts.hold();
}

void let_go_making() {
  the_accounts.let_go();
  the_contexts.let_go();
}

void renew_making_in_child() noexcept {
  the_accounts.renew_in_child();
  the_contexts.renew_in_child();
}

void note_engine(const Engine& engine, const std::string& why_not) {
  const std::lock_guard lock(known().mutex);
  known().engines.push_back({.library = engine.file(),
                             .ggml = engine.version(),
                             .llama = {},
                             .guarded = why_not.empty(),
                             .why_not = why_not});
}

void note_llama(const Engine& engine, const std::string& version) {
  const std::lock_guard lock(known().mutex);
  for (EngineRow& row : known().engines) {
    if (row.library == engine.file()) row.llama = version;
  }
}

std::vector<EngineRow> known_engines() {
  const std::lock_guard lock(known().mutex);
  return known().engines;
}

void hold_known_engines() { known().mutex.lock(); }
void let_go_known_engines() { known().mutex.unlock(); }

const std::string& program_file() {
  static const auto* const file = new std::string(read_program_file());
  return *file;
}

const std::string& program_name() {
  static const auto* const name = new std::string(
      settings().name.empty() ? std::filesystem::path(program_file()).filename().string() : settings().name);
  return *name;
}

OwnWork::OwnWork() noexcept { ++own_work; }
OwnWork::~OwnWork() { --own_work; }
bool OwnWork::active() noexcept { return own_work > 0; }

}  // namespace plimsoll::guard
