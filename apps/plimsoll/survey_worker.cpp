// plimsoll survey-worker: the child that surveys model files for a program with threads of its own. Not for people.
#include <unistd.h>

#include <plimsoll/gauge/survey_process.hpp>

#include "commands.hpp"

namespace plimsoll::app {

void add_survey_worker(CLI::App& app, GlobalOptions&, int& status) {
  CLI::App* command = app.add_subcommand("survey-worker", "Answers surveys on stdin, one JSON line each")->group("");
  command->callback([&status] { status = gauge::serve_surveys(STDIN_FILENO, STDOUT_FILENO); });
}

}  // namespace plimsoll::app
