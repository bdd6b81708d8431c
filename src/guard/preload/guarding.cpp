#include "guarding.hpp"

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <mutex>

namespace plimsoll::guard {
namespace {

thread_local int own_work = 0;

std::atomic<Accounts*> made_accounts = nullptr;
std::atomic<Contexts*> made_contexts = nullptr;

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
  static auto* const the_accounts = [] {
    auto* made = new Accounts(settings(), "guard: " + program_name());
    made_accounts.store(made, std::memory_order_release);
    return made;
  }();
  return *the_accounts;
}

Accounts* accounts_if_there() noexcept { return made_accounts.load(std::memory_order_acquire); }

Contexts& contexts() {
  static auto* const the_contexts = [] {
    auto* made = new Contexts(settings(), accounts());
    made_contexts.store(made, std::memory_order_release);
    return made;
  }();
  return *the_contexts;
}

Contexts* contexts_if_there() noexcept { return made_contexts.load(std::memory_order_acquire); }

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
