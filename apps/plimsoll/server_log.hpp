// The log of a server, on stderr.
#pragma once
#include <string>

namespace plimsoll::app {

// A server says what it answers; the engine's own chatter stays for those who ask for it with -v. Throws Error{usage}
// for a format that is neither text nor json.
void set_up_server_log(const std::string& format, bool verbose);

}  // namespace plimsoll::app
