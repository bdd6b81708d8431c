// Interrupt: Ctrl-C as a stop token. The first asks everything to stop and report; a second ends the program at once.
#pragma once
#include <stop_token>

namespace plimsoll::app {

// Until this is called, Ctrl-C ends the program at once, with a sentence and status 130. Starts a thread: call it only
// after the dry run child was forked. Later calls give the same token.
[[nodiscard]] std::stop_token interrupts();

// Installs the handler. First thing in main.
void handle_interrupts();

}  // namespace plimsoll::app
