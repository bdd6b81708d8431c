#include "reports.hpp"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>

#include "guard/guard_report.hpp"

#include "forking.hpp"
#include "guarding.hpp"
#include "report_file.hpp"
#include "words.hpp"

namespace plimsoll::guard {
namespace {

// Never destroyed: programs end in many ways.
struct Reports {
  std::mutex mutex;
  SystemClock clock;
  Clock::TimePoint started = clock.now();
  ReportFile file;
  bool has_engine = false;
  pid_t process = getpid();
  sem_t asked{};
};
Reports& reports() {
  static auto* const the_reports = new Reports;
  return *the_reports;
}

void on_signal(int) {
  const int before = errno;
  sem_post(&reports().asked);
  errno = before;
}

Report make_report(bool ended) {
  Report report{.name = program_name(),
                .pid = getpid(),
                .program = program_file(),
                .started = reports().started,
                .written = reports().clock.now(),
                .ended = ended};
  report.engines = known_engines();
  const bool guarded = std::ranges::any_of(report.engines, &EngineRow::guarded);
  if (!guarded) return report;
  report.devices = accounts().rows();
  report.entries = accounts().ledger().entries();
  for (const memory::Entry& entry : report.entries) {
    if (entry.charged) report.allocations += entry.allocations;
  }
  report.refusals = accounts().latest_refusals();
  report.refused = accounts().refused();
  contexts().describe(report);
  return report;
}

void write_report(bool on_stderr, bool ended) noexcept {
  try {
    const Report report = make_report(ended);
    {
      const std::lock_guard lock(reports().mutex);
      if (reports().file.is_open()) reports().file.write(to_json(report));
    }
    if (!on_stderr) return;
    for (const std::string& line : to_lines(report)) say_line(Weight::note, line);
  } catch (const std::exception& error) {
    say(Weight::refusal, "no report can be made: {}", error.what());
  }
}

void* wait_for_signals(void*) {
  for (;;) {
    while (sem_wait(&reports().asked) != 0) {
    }
    write_report(true, false);
  }
  return nullptr;
}

// The program's own handler stays, where it has one.
void answer_signal() {
  struct sigaction now{};
  if (sigaction(SIGUSR1, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);

  // It takes none of the program's signals.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  if (pthread_create(&thread, nullptr, wait_for_signals, nullptr) == 0) pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// A process that met no engine says so where it is the one that was started; its children say nothing.
void at_end() {
  const bool has_engine = reports().has_engine;
  if (!has_engine && settings().first_process != getpid()) return;
  if (has_engine && reports().process != getpid()) return;  // a forked child: what it has is its parent's
  write_report(true, true);
  if (Accounts* const there = accounts_if_there(); there != nullptr) there->leave_machine();
}

}  // namespace

void begin_reports() {
  sem_init(&reports().asked, 0, 0);
  std::atexit(at_end);
}

void engine_was_met() {
  hold_locks_over_forks();
  {
    const std::lock_guard lock(reports().mutex);
    if (reports().has_engine) return;
    reports().has_engine = true;
    reports().process = getpid();
    if (const std::string& path = settings().report; !path.empty() && !reports().file.open(path))
      say(Weight::refusal, "the report '{}' cannot be written", path);
  }
  answer_signal();
}

// Under this lock a file is written and nothing else done.
void hold_reports() { reports().mutex.lock(); }
void let_go_reports() { reports().mutex.unlock(); }
void leave_reports_to_parent() { reports().file.leave(); }

void keep_report_file() {
  {
    const std::lock_guard lock(reports().mutex);
    if (!reports().file.is_open() || reports().process != getpid()) return;
  }
  write_report(false, false);
}

}  // namespace plimsoll::guard
