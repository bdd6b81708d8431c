// guarding: the guard of this process: settings, accounts, contexts and report, joined. It is never destroyed, since
// programs free their contexts as late as at exit.
#pragma once
#include "guard/guard_report.hpp"
#include "guard/settings.hpp"

#include "accounts.hpp"
#include "contexts.hpp"
#include "engine.hpp"

namespace plimsoll::guard {

// Read once. Where the environment cannot be read, that is said, and the defaults hold.
[[nodiscard]] const Settings& settings();
[[nodiscard]] Accounts& accounts();
[[nodiscard]] Accounts* accounts_if_there() noexcept;  // null: nothing has been guarded so far
[[nodiscard]] Contexts& contexts();
[[nodiscard]] Contexts* contexts_if_there() noexcept;
// Around a fork (see forking.hpp): between the first two neither of them comes to be there.
void hold_making();
void let_go_making();
void renew_making_in_child() noexcept;

// For the report.
void note_engine(const Engine& engine, const std::string& why_not);
void note_llama(const Engine& engine, const std::string& version);
[[nodiscard]] std::vector<EngineRow> known_engines();
void hold_known_engines();  // around a fork: see forking.hpp
void let_go_known_engines();
// What the program is called: as asked for, else by its file.
[[nodiscard]] const std::string& program_name();
[[nodiscard]] const std::string& program_file();

// Whether this thread is inside the guard's own work with an engine (its warm-up): what the engine calls meanwhile
// is not the program's.
class OwnWork {
 public:
  OwnWork() noexcept;
  ~OwnWork();
  OwnWork(const OwnWork&) = delete;
  OwnWork& operator=(const OwnWork&) = delete;
  [[nodiscard]] static bool active() noexcept;
};

}  // namespace plimsoll::guard
