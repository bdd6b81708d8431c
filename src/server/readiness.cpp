// When the server is ready, and what it does before that: the first request is to take as long as those after it.
#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/sleep.hpp"

#include "checked_lease.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

using Steady = std::chrono::steady_clock;

// A fiftieth of what the loads have taken so far.
std::chrono::nanoseconds until_next_look(Steady::time_point begin) {
  return std::clamp<std::chrono::nanoseconds>((Steady::now() - begin) / 50, std::chrono::milliseconds(10),
                                              std::chrono::milliseconds(250));
}

bool was_tried(const host::ModelStatus& model) {
  return model.loads > 0 || model.load_failures > 0 || model.refusals > 0;
}

}  // namespace

// Once everything that is loaded at the start has come up, or has said why it cannot, it stays ready.
bool Server::Impl::ready() const {
  if (was_ready) return true;
  for (const KnownModel& known : known_models(host)) {
    if (known.model->load_at_start && !(has_read_ahead && was_tried(known.status))) return false;
  }
  was_ready = true;
  return true;
}

// Not before all of them have been tried: what is kept of vocabularies must refuse no model its memory.
void Server::Impl::get_ready(const std::stop_token& stop) {
  const Steady::time_point begin = Steady::now();
  std::vector<KnownModel> at_start;
  do {
    at_start = known_models(host);
    std::erase_if(at_start, [](const KnownModel& known) { return !known.model->load_at_start; });
    if (std::ranges::all_of(at_start, was_tried, &KnownModel::status)) break;
  } while (sleep_unless_stopped(until_next_look(begin), stop));
  for (const KnownModel& known : at_start) {
    if (stop.stop_requested()) return;
    if (known.status.state == host::ModelState::ready) read_ahead(known.model->request.name);
  }
}

void Server::Impl::get_ready_after_reloads(const std::stop_token& stop) {
  const auto next_reload = [&] {
    std::unique_lock lock(reloading);
    return reload_is_over.wait(lock, stop, [this] { return std::exchange(has_reloaded, false); });
  };
  while (next_reload()) get_ready(stop);
}

void Server::Impl::read_ahead(const std::string& model) {
  try {
    (void)vocabularies.find(model);
  } catch (const std::exception& error) {
    log::debug("server", "what requests for '{}' are read with is made at the first one: {}", model, error.what());
  }
}

void Server::Impl::load_ahead(const std::string& model, const std::stop_token& stop) {
  ahead_of_vocabularies(context(), [&] { load_model(host, model, options, stop); });
  read_ahead(model);
}

}  // namespace plimsoll::server
