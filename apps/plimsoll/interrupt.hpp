// Interrupt: Ctrl-C as a stop token. The first asks everything to stop and report; a second ends the program at once.
#pragma once
#include <stop_token>

namespace plimsoll::app {

// Until this is called, Ctrl-C ends the program at once, with a sentence and status 130. Starts a thread: call it only
// after the dry run child was forked. Later calls give the same token.
[[nodiscard]] std::stop_token interrupts();

// Installs the handler. First thing in main.
void handle_interrupts();

// For a server: until interrupts() is called, SIGTERM ends the program with status 0 and without a sentence. Who asks a
// service to end is told of no failure, however early.
void end_at_sigterm_without_failure() noexcept;

}  // namespace plimsoll::app
