#include "guard/launch.hpp"

#include <gtest/gtest.h>

#include "guard/engine_versions.hpp"
#include "guard/program_file.hpp"

namespace plimsoll::guard {
namespace {

TEST(GuardLaunchTest, TheLibraryStandsOnceBehindWhatIsPreloaded) {
  EXPECT_EQ(preload_list("", "/a.so"), "/a.so");
  EXPECT_EQ(preload_list("/b.so", "/a.so"), "/b.so:/a.so");
  EXPECT_EQ(preload_list("/b.so /a.so", "/a.so"), "/b.so /a.so");
  EXPECT_EQ(preload_list("/a.so:/b.so", "/a.so"), "/a.so:/b.so");
  EXPECT_EQ(preload_list("/aa.so", "/a.so"), "/aa.so:/a.so");
}

TEST(GuardLaunchTest, SomePathsNoListCanHold) {
  EXPECT_TRUE(can_be_listed("/usr/lib/x.so"));
  for (const char* path : {"/a b/x.so", "/a:b/x.so", "/a$LIB/x.so"}) EXPECT_FALSE(can_be_listed(path)) << path;
}

TEST(GuardProgramFileTest, ProgramsAreFoundAsTheShellFindsThem) {
  EXPECT_EQ(find_program("sh", "/nowhere:/bin"), std::filesystem::path("/bin/sh"));
  EXPECT_EQ(find_program("/bin/sh", ""), std::filesystem::path("/bin/sh"));
  EXPECT_FALSE(find_program("sh", "/nowhere"));
  EXPECT_FALSE(find_program("", "/bin"));
  EXPECT_FALSE(find_program("/etc/passwd", ""));  // nobody may run it
}

TEST(GuardProgramFileTest, ThisProgramCanBeGuarded) { EXPECT_FALSE(why_not_preloaded("/proc/self/exe")); }

TEST(GuardVersionsTest, PatchesOfKnownVersionsAreKnown) {
  EXPECT_EQ(ggml_version_of("0.27.0"), (GgmlVersion{0, 27, 0}));
  EXPECT_EQ(ggml_version_of("0.27.1-dirty"), (GgmlVersion{0, 27, 1}));
  EXPECT_EQ(ggml_version_of("0.27"), (GgmlVersion{0, 27, 0}));
  for (const char* text : {"", "x", "1", "-1.2", "0.x"}) EXPECT_FALSE(ggml_version_of(text)) << text;
  EXPECT_TRUE(is_known({0, 25, 9}));
  EXPECT_TRUE(is_known({0, 27, 3}));
  EXPECT_FALSE(is_known({0, 24, 9}));
  EXPECT_FALSE(is_known({0, 28, 0}));
  EXPECT_FALSE(is_known({1, 26, 0}));
}

}  // namespace
}  // namespace plimsoll::guard
