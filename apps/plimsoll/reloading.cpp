#include "reloading.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "base/log.hpp"

#include "service_manager.hpp"

namespace plimsoll::app {
namespace {

using std::chrono::milliseconds;

// A file is being written for as long as two looks differ.
constexpr milliseconds kBetweenLooks{250};
// For file systems of which the kernel tells nothing (of other machines).
constexpr milliseconds kLooksWithoutNews{5000};

// A stop token as a descriptor that can be polled.
class StopDescriptor {
 public:
  explicit StopDescriptor(const std::stop_token& stop)
      : descriptor_(eventfd(0, EFD_CLOEXEC)), callback_(stop, [this] {
          const std::uint64_t one = 1;
          (void)!write(descriptor_, &one, sizeof one);
        }) {}
  ~StopDescriptor() { close(descriptor_); }
  StopDescriptor(const StopDescriptor&) = delete;
  StopDescriptor& operator=(const StopDescriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
  std::stop_callback<std::function<void()>> callback_;
};

class Reloader {
 public:
  Reloader(Hangups& hangups, SourceWatch& sources, const std::function<void(const std::stop_token&)>& reload,
           const std::stop_token& stop)
      : hangups_(hangups),
        sources_(sources),
        reload_(reload),
        stop_(stop),
        stopped_(stop),
        read_(sources.first_state()) {}

  void run() {
    while (!stop_.stop_requested()) {
      const bool has_news = wait(sources_.is_on() ? kLooksWithoutNews : milliseconds(-1));
      if (stop_.stop_requested()) return;
      if (hangups_.take()) {
        if (hangups_.terminal_is_gone()) return end();
        read_again("SIGHUP");
      } else if (sources_.is_on() && (has_news || sources_.state() != read_)) {
        read_once_written();
      }
    }
  }

 private:
  // Until something has happened. False: the time is over.
  bool wait(milliseconds most) {
    std::array<pollfd, 3> what{pollfd{stopped_.get(), POLLIN, 0}, pollfd{hangups_.descriptor(), POLLIN, 0},
                               pollfd{sources_.descriptor(), POLLIN, 0}};  // a negative one is left out
    return poll(what.data(), what.size(), static_cast<int>(most.count())) > 0;
  }

  void read_once_written() {
    sources_.drain();
    std::string state = sources_.state();
    for (std::string before; state != read_ && state != before; state = sources_.state()) {
      before = state;
      (void)poll_stop(kBetweenLooks);
      if (stop_.stop_requested()) return;
      sources_.drain();
    }
    if (state != read_) read_again("a change of its files");
  }

  bool poll_stop(milliseconds most) {
    pollfd what{stopped_.get(), POLLIN, 0};
    return poll(&what, 1, static_cast<int>(most.count())) > 0;
  }

  void read_again(const char* why) {
    log::info("server", "the fleet is read again: {}", why);
    read_ = sources_.state();  // before it is read: what changes meanwhile is another change
    try {
      reload_(stop_);
    } catch (const std::exception& error) {
      log::warn("server", "the fleet was not read again: {}", error.what());
    }
  }

  void end() {
    log::info("server", "the terminal is gone");
    (void)raise(SIGTERM);
  }

  Hangups& hangups_;
  SourceWatch& sources_;
  const std::function<void(const std::stop_token&)>& reload_;
  const std::stop_token stop_;
  StopDescriptor stopped_;
  std::string read_;  // the sources as they were read last
};

}  // namespace

std::vector<std::string> watched_paths(const ServeOptions& options) {
  std::vector<std::string> out = options.sources;
  out.append_range(options.model.all("--model"));
  out.append_range(options.api_key_files);
  for (const std::filesystem::path& file : {options.server.certificate, options.server.private_key}) {
    if (!file.empty()) out.push_back(file.string());
  }
  return out;
}

void reload_when_asked(Hangups& hangups, SourceWatch& sources,
                       const std::function<void(const std::stop_token&)>& reload, const std::stop_token& stop) {
  Reloader(hangups, sources, reload, stop).run();
}

ReloadNotice::ReloadNotice() {
  timespec now{};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  tell_service_manager(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reading the fleet again",
                                   now.tv_sec * 1'000'000LL + now.tv_nsec / 1000));
}

ReloadNotice::~ReloadNotice() { tell_service_manager("READY=1\nSTATUS=listening"); }

}  // namespace plimsoll::app
