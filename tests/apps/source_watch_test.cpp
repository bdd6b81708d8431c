// What a fleet is read from, as it changes.
#include "source_watch.hpp"

#include <gtest/gtest.h>

#include <poll.h>

#include <filesystem>

#include "temporary_folder.hpp"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

class SourceWatchTest : public testing::Test {
 protected:
  // Something has happened since the last look; waits for it.
  static bool has_news(SourceWatch& watch) {
    pollfd what{watch.descriptor(), POLLIN, 0};
    const bool any = poll(&what, 1, 60'000) > 0;
    watch.drain();
    return any;
  }
  void replace(const std::string& name, const std::string& text) {
    (void)folder_.write("other", text);
    fs::rename(folder_.path("other"), folder_.path(name));
  }
  plimsoll::test::TemporaryFolder folder_;
};

TEST_F(SourceWatchTest, SeesAFileThatIsWrittenReplacedRemovedAndBack) {
  const std::string file = folder_.write("fleet.toml", "a");
  SourceWatch watch({file});
  std::string before = watch.state();
  EXPECT_EQ(watch.state(), before);
  const auto changes = [&](const auto& change) {
    change();
    EXPECT_TRUE(has_news(watch));
    const std::string now = watch.state();
    EXPECT_NE(now, before);
    before = now;
  };
  changes([&] { (void)folder_.write("fleet.toml", "longer"); });
  changes([&] { replace("fleet.toml", "another one"); });
  changes([&] { replace("fleet.toml", "once more, as a new file"); });
  changes([&] { fs::remove(file); });
  changes([&] { (void)folder_.write("fleet.toml", "back"); });
}

TEST_F(SourceWatchTest, SeesWhereLinksLead) {
  fs::create_directory(folder_.path("one"));
  fs::create_directory(folder_.path("two"));
  (void)folder_.write("one/fleet.toml", "a");
  (void)folder_.write("two/fleet.toml", "bb");
  fs::create_symlink("one", folder_.path("data"));
  fs::create_symlink("data/fleet.toml", folder_.path("fleet.toml"));
  SourceWatch watch({folder_.path("fleet.toml")});
  const std::string before = watch.state();
  (void)folder_.write("one/fleet.toml", "aaa");  // where it leads
  EXPECT_TRUE(has_news(watch));
  const std::string written = watch.state();
  EXPECT_NE(written, before);
  fs::create_symlink("two", folder_.path("new"));  // elsewhere, as Kubernetes does it
  fs::rename(folder_.path("new"), folder_.path("data"));
  EXPECT_TRUE(has_news(watch));
  EXPECT_NE(watch.state(), written);
}

TEST_F(SourceWatchTest, OfAFolderModelsCount) {
  (void)folder_.write("a.gguf", "a");
  SourceWatch watch({folder_.path().string()});
  const std::string before = watch.state();
  (void)folder_.write("notes.txt", "no model");
  EXPECT_TRUE(has_news(watch));
  EXPECT_EQ(watch.state(), before);
  (void)folder_.write("b.GGUF", "b");
  EXPECT_TRUE(has_news(watch));
  EXPECT_NE(watch.state(), before);
  fs::remove(folder_.path("b.GGUF"));
  EXPECT_TRUE(has_news(watch));
  EXPECT_EQ(watch.state(), before);
}

TEST_F(SourceWatchTest, OfAFolderModelsInFoldersCount) {
  fs::create_directory(folder_.path("big"));
  SourceWatch watch({folder_.path().string()});
  const std::string before = watch.state();
  (void)folder_.write("big/a.gguf", "a");
  EXPECT_TRUE(has_news(watch));
  EXPECT_NE(watch.state(), before);
}

TEST_F(SourceWatchTest, AFolderThatComesBackIsWatchedAgain) {
  const std::string folder = folder_.path("models");
  fs::create_directory(folder);
  (void)folder_.write("models/a.gguf", "a");
  SourceWatch watch({folder});
  fs::remove_all(folder);
  EXPECT_TRUE(has_news(watch));
  EXPECT_EQ(watch.state(), SourceWatch({folder}).state());
  fs::create_directory(folder);
  watch.drain();
  const std::string empty = watch.state();
  (void)folder_.write("models/a.gguf", "a");
  EXPECT_TRUE(has_news(watch));
  EXPECT_NE(watch.state(), empty);
}

TEST_F(SourceWatchTest, WithoutPathsNothingIsWatched) {
  const SourceWatch watch({});
  EXPECT_FALSE(watch.is_on());
  EXPECT_EQ(watch.state(), "");
}

}  // namespace
}  // namespace plimsoll::app
