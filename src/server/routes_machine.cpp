// All Plimsoll processes of the machine: see docs/broker.md.
#include "broker/machine_ledger.hpp"
#include "monitor/machine_report.hpp"

#include "server_impl.hpp"

namespace plimsoll::server {

// A server that stands in no ledger sees nobody.
broker::Picture Server::Impl::machine() const {
  const std::string path = host.machine().path();
  if (path.empty()) return {};
  return broker::picture_of_machine(path).value_or(broker::Picture{});
}

void Server::Impl::add_machine_route() {
  http->Get("/plimsoll/v1/machine", answering([this](const httplib::Request&, httplib::Response& response) {
              put(response, monitor::to_json(machine(), broker::boot_time()));
            }));
}

}  // namespace plimsoll::server
