// Reloading: a server's fleet is read again when somebody sends SIGHUP, or when what it is read from changes.
#pragma once
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "hangups.hpp"
#include "serve_options.hpp"
#include "source_watch.hpp"

namespace plimsoll::app {

// Fleet file, model files and folders of the command line; files of keys and certificates.
[[nodiscard]] std::vector<std::string> watched_paths(const ServeOptions& options);

// Until `stop`. `sources` is made before they are read first: a change since then is a change. What `reload` throws is
// logged. A SIGHUP that comes since the terminal is gone ends the program as SIGTERM does.
void reload_when_asked(Hangups& hangups, SourceWatch& sources,
                       const std::function<void(const std::stop_token&)>& reload, const std::stop_token& stop);

// Tells the service manager that the fleet is being read again, and when that is over.
class ReloadNotice {
 public:
  ReloadNotice();
  ~ReloadNotice();
  ReloadNotice(const ReloadNotice&) = delete;
  ReloadNotice& operator=(const ReloadNotice&) = delete;
};

}  // namespace plimsoll::app
