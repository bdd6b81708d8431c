// A table of a page in docs/ that a test writes: with PLIMSOLL_UPDATE_GOLDEN=1 the page is written anew.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "paths.hpp"

namespace plimsoll::test {

// `begin`: how the table's first line begins; it ends with the first empty line. `page`: its path inside the sources.
inline void expect_docs_table(const std::string& page, const std::string& begin, const std::string& wanted) {
  const std::string path = source_path(page);
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t at = text.find(begin);
  ASSERT_NE(at, std::string::npos);
  const std::size_t end = text.find("\n\n", at) + 1;
  if (std::getenv("PLIMSOLL_UPDATE_GOLDEN") != nullptr)
    std::ofstream(path) << text.substr(0, at) << wanted << text.substr(end);
  EXPECT_EQ(text.substr(at, end - at), wanted);
}

// One row of a table that several tests write: the line that begins like that.
inline void expect_docs_row(const std::string& page, const std::string& begin, const std::string& wanted) {
  const std::string path = source_path(page);
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t at = text.find("\n" + begin) + 1;
  ASSERT_NE(at, 0U) << begin;
  const std::size_t end = text.find('\n', at);
  if (std::getenv("PLIMSOLL_UPDATE_GOLDEN") != nullptr)
    std::ofstream(path) << text.substr(0, at) << begin << wanted << text.substr(end);
  EXPECT_EQ(text.substr(at, end - at), begin + wanted);
}

}  // namespace plimsoll::test
