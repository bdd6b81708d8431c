#include <gtest/gtest.h>

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
  const SlotFiles open("/slots", OwnersByKey({}));
  EXPECT_EQ(open.path_of("talk", ""), "/slots/talk");
  EXPECT_THROW((void)open.path_of("../talk", ""), api::Problem);
  EXPECT_THROW((void)SlotFiles({}, OwnersByKey({})).path_of("talk", ""), api::Problem);
  const SlotFiles keyed("/slots", OwnersByKey({"one", "two"}));
  EXPECT_NE(keyed.path_of("talk", "key-1"), keyed.path_of("talk", "key-2"));
  // The same key in another place has the same files.
  const SlotFiles reordered("/slots", OwnersByKey({"two", "one"}));
  EXPECT_EQ(keyed.path_of("talk", "key-1"), reordered.path_of("talk", "key-2"));
}

TEST(OwnersByKeyTest, AKeyThatIsGoneHasNoOwner) {
  const OwnersByKey owners({"one", "two"});
  EXPECT_EQ(owners.owner_with(owners.hash_of("key-2")), "key-2");
  EXPECT_EQ(OwnersByKey({"two"}).owner_with(owners.hash_of("key-2")), "key-1");
  EXPECT_EQ(OwnersByKey({"three"}).owner_with(owners.hash_of("key-2")), std::nullopt);
  EXPECT_EQ(owners.owner_with(""), std::nullopt);  // what a server without keys has kept
  EXPECT_EQ(OwnersByKey({}).owner_with(""), "");
  EXPECT_EQ(OwnersByKey({}).owner_with(owners.hash_of("key-1")), std::nullopt);
  EXPECT_FALSE(owners.hash_of("key-1").contains("one"));
}

}  // namespace
}  // namespace plimsoll::server
