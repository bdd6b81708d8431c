#include "golden.hpp"
#include "paths.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace plimsoll {

void expect_golden(const std::string& name, std::string_view text) {
  const std::string path = source_path("tests/" + name);
  if (const char* update = std::getenv("PLIMSOLL_UPDATE_GOLDEN"); update != nullptr && *update == '1') {
    std::ofstream(path, std::ios::binary) << text;
    ADD_FAILURE() << path << " was written; look at it, and run again without PLIMSOLL_UPDATE_GOLDEN";
    return;
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path << " is missing";
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text) << "differs from " << path;
}

}  // namespace plimsoll
