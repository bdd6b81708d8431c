// When a server's fleet is read again.
#include "reloading.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "temporary_folder.hpp"

namespace plimsoll::app {
namespace {

// A server reads its fleet, plans and loads for minutes before it listens; what is written meanwhile is read then.
TEST(ReloadingTest, AChangeWhileTheServerStartsIsRead) {
  const plimsoll::test::TemporaryFolder folder;
  const std::string file = folder.write("fleet.toml", "a");
  Hangups hangups;
  SourceWatch sources({file});
  (void)folder.write("fleet.toml", "longer");
  std::atomic<bool> is_read = false;
  std::jthread thread([&](const std::stop_token& stop) {
    reload_when_asked(
        hangups, sources,
        [&](const std::stop_token&) {
          is_read = true;
          is_read.notify_all();
        },
        stop);
  });
  is_read.wait(false);
  EXPECT_TRUE(is_read);
}

}  // namespace
}  // namespace plimsoll::app
