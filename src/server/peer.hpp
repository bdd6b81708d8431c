// Peer: whether the other end of a connection is there still.
#pragma once
#include <mutex>
#include <optional>
#include <string>

#include <httplib.h>

namespace plimsoll::server {

// A client that has sent its request may close its own half of the connection and wait for the answer; one that has
// gone looks the same until something is sent to it. So it is asked once, by an interim answer that means nothing
// (100), and its system says at once where nobody is there any more. Encrypted connections and HTTP/1.0 know no such
// question: of those, the first is gone when it has closed its half, the second when it has closed both.
//
// The library takes a connection for open while there is something to be read of it: the next request, a line's end
// behind the body, what TLS says before it closes. So the system is asked as well, of a request that takes its time.
//
// Any thread; `request` outlives it.
class Peer {
 public:
  Peer(const httplib::Request& request, bool encrypted) : request_(request), encrypted_(encrypted) {}
  [[nodiscard]] bool is_gone();
  // Whether nothing more comes from it: it has gone, or waits for the answer.
  [[nodiscard]] bool has_closed_its_half() const { return request_.is_connection_closed(); }
  // Nothing more is read of it: who waits for it finds the connection's end.
  void hear_no_more();
  // From now on nothing may be sent that is not the answer.
  void answer_begins();

 private:
  // All with the lock held.
  [[nodiscard]] bool is_half_closed();
  [[nodiscard]] int found_socket();
  void ask(int socket);
  const httplib::Request& request_;
  const bool encrypted_;
  std::mutex mutex_;
  bool may_ask_ = true;
  int looks_ = 0;
  std::optional<int> socket_{};  // looked for once it is needed
};

}  // namespace plimsoll::server
