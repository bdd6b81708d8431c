// reports: when and where the guard tells what it has seen.
#pragma once

namespace plimsoll::guard {

// For the process: from now on SIGUSR1, where the program leaves that signal alone, asks for a report, and the end of
// the process gives one. Called once, before anything of the program runs.
void begin_reports();
// An engine was met: the thread that waits for SIGUSR1 is started, and the report file gets this process's report.
void engine_was_met();
// Something that a reader of the report file wants to see now. Nothing where there is no such file.
void keep_report_file();

// --- around a fork: see forking.hpp ---
void hold_reports();
void let_go_reports();
void leave_reports_to_parent();  // in the child

}  // namespace plimsoll::guard
