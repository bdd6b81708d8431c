// Server: a host's models over HTTP: OpenAI's, Anthropic's, Ollama's and llama-server's APIs, and our own view of every
// byte. docs/server.md lists the routes.
#pragma once
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "host/host.hpp"
#include "monitor/monitor.hpp"
#include "plan/plan.hpp"
#include "server/server_options.hpp"

namespace plimsoll::server {

// Answers POST /plimsoll/v1/plan: what these would take, beside what the fleet has. Called by one thread at a time.
using PlanAsked = std::function<plan::Plan(const std::vector<plan::Request>&)>;

// Answers POST /plimsoll/v1/reload: the fleet is read again. Any thread.
using ReloadAsked = std::function<host::ReloadReport(const std::stop_token& stop)>;

// Host and monitor outlive it. Each connection has a thread, which waits most of the time.
class Server {
 public:
  // Takes the port; connections wait there until serve(). Throws Error: io (the port is taken, or the
  // address is not this machine's), usage (a certificate without its key, or one that cannot be used).
  Server(host::Host& host, monitor::Monitor& monitor, ServerOptions options, PlanAsked plan = {},
         ReloadAsked reload = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "http://127.0.0.1:8080"
  [[nodiscard]] std::string url() const;

  // Answers until `stop`; then refuses new requests, waits until those that are here are answered, as long as the
  // limits say, and cancels the rest. `listening` is called once connections are accepted.
  void serve(std::stop_token stop, const std::function<void()>& listening = {});
  // What POST /plimsoll/v1/reload does, for whoever else wants it done. Any thread. Throws Error: unsupported (it was
  // given no ReloadAsked), cancelled.
  host::ReloadReport reload(const std::stop_token& stop);
  // In the place of the options' keys. What is kept of those that are gone is dropped; their requests at work end as
  // they would have. Any thread.
  void set_keys(const std::vector<std::string>& keys, const std::vector<host::FleetKey>& named);
  // The files of certificate and private key are read again, and what was read is used from the next connection on: in
  // two steps, so that nothing has changed where something else is wrong. Throws Error{usage} where they cannot be
  // used. True: it is another certificate. Both do nothing without TLS. Any thread.
  void read_certificate();
  bool use_certificate();

 private:
  struct Impl;  // src/server/server_impl.hpp
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::server
