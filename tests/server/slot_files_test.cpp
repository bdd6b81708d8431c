#include <gtest/gtest.h>

#include <set>

#include "api/problem.hpp"
#include "slot_files.hpp"

namespace plimsoll::server {
namespace {

TEST(SlotFilesTest, AFileHasANameAndNoWay) {
  for (const char* name : {"a", "talk.bin", "Gespräch 7", "a..b", "-"}) EXPECT_TRUE(is_file_name(name)) << name;
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../a"), std::string("a/b"), std::string("/a"),
        std::string("a\\b"), std::string(".a"), std::string(" a"), std::string("a "), std::string("a."),
        std::string("a\nb"), std::string("a\0b", 3), std::string("c:a"), std::string("a*"), std::string("\xFF"),
        std::string("\xC3"), std::string(201, 'a')})
    EXPECT_FALSE(is_file_name(name)) << name;
}

TEST(SlotFilesTest, EachOwnerHasAFolder) {
  const ApiKeys none({});
  const SlotFiles open("/slots", none);
  EXPECT_EQ(open.path_of("talk", ""), "/slots/talk");
  EXPECT_THROW((void)open.path_of("../talk", ""), api::Problem);
  EXPECT_THROW((void)SlotFiles({}, none).path_of("talk", ""), api::Problem);
  const ApiKeys two({"one", "two"}, {{.name = "crew", .key = "larboard"}, {.name = "mate", .key = "starboard"}});
  const SlotFiles keyed("/slots", two);
  std::set<std::filesystem::path> folders;
  for (const char* owner : {"key 1", "key 2", "crew", "mate"})
    folders.insert(keyed.path_of("talk", owner).parent_path());
  EXPECT_EQ(folders.size(), 4U);
  EXPECT_FALSE(folders.contains("/slots"));
  // The same key in another place has the same files.
  const ApiKeys other_way_round({"two", "one"});
  EXPECT_EQ(keyed.path_of("talk", "key 1"), SlotFiles("/slots", other_way_round).path_of("talk", "key 2"));
}

}  // namespace
}  // namespace plimsoll::server
