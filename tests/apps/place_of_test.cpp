#include <gtest/gtest.h>

#include "installed_places.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::app {
namespace {

TEST(PlaceOfTest, WhatIsInstalledLiesBesideTheProgram) {
  const test::TemporaryFolder root;
  EXPECT_EQ(place_of(root.path("usr/bin/plimsoll"), "../share/x", "models"), root.path("usr/share/x"));
}

TEST(PlaceOfTest, ABuildFolderHasItFromItsCheckout) {
  const test::TemporaryFolder root;
  root.write("build/release/CMakeCache.txt", "x");
  EXPECT_EQ(place_of(root.path("build/release/bin/plimsoll"), "../share/x", "models"), root.path("models"));
}

}  // namespace
}  // namespace plimsoll::app
