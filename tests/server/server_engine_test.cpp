#include "server/server.hpp"

#include <gtest/gtest.h>

#include <stop_token>

#include "monitor/monitor.hpp"
#include "small_fleet.hpp"

namespace plimsoll::server {
namespace {

using host::test::fleet_of;
using host::test::SmallHost;

TEST(ServerTest, OneThatIsAskedToEndBeforeItListensEnds) {
  SmallHost small(fleet_of("a"));
  monitor::Monitor monitor(small.host);
  for (int i = 0; i < 20; ++i) {
    ServerOptions options;
    options.port = 0;
    Server server(small.host, monitor, options);
    std::stop_source stop;
    stop.request_stop();
    server.serve(stop.get_token());
  }
}

}  // namespace
}  // namespace plimsoll::server
