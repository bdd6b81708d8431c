#include "arriving_body.hpp"

#include <utility>

#include "contained.hpp"

namespace plimsoll::server {
namespace {

constexpr std::size_t kSlowest = 64 << 10;  // bytes a second
constexpr std::size_t kStep = 64 << 10;     // a body that does not say its size is charged in these

}  // namespace

std::size_t announced_body(const httplib::Request& request, Bytes most) {
  if (request.has_header("Transfer-Encoding")) return most.value();
  return request.get_header_value_u64("Content-Length");
}

std::chrono::milliseconds time_for_body(std::size_t bytes, std::chrono::seconds patience) {
  return patience + std::chrono::seconds(bytes / kSlowest);
}

ArrivingBody::ArrivingBody(DisconnectWatcher& watcher, std::shared_ptr<Peer> client, std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  watched_ = watcher.watch([is_late = is_late_, until] {
    *is_late = std::chrono::steady_clock::now() >= until;
    return is_late->load();
  });
  on_stop_.emplace(watched_->token(), [client = std::move(client)] {
    (void)contained("the end of a body", [&] { client->hear_no_more(); });
  });
}

bool take_in(const httplib::ContentReader& content, std::string& body, std::size_t charged,
             RequestMemory::Share& memory, std::optional<api::Problem>& refused) {
  return content([&](const char* data, std::size_t size) {
    try {
      for (; body.size() + size > charged; charged += kStep) memory.grow(Bytes{kStep});
    } catch (const api::Problem& problem) {
      refused = problem;
      return false;
    }
    body.append(data, size);
    return true;
  });
}

}  // namespace plimsoll::server
