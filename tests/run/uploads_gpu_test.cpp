// Weights on their way to a device of the user's choice (PLIMSOLL_TEST_GPU): where nothing goes our way there, this
// says so.
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

#include "arch_models.hpp"
#include "same_upload.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

std::string device_under_test() {
  const char* name = std::getenv("PLIMSOLL_TEST_GPU");
  if (name == nullptr) throw std::runtime_error("PLIMSOLL_TEST_GPU must name a device of `plimsoll devices`");
  return name;
}

class UploadsOnTheDevice : public ::testing::TestWithParam<const char*> {};

TEST_P(UploadsOnTheDevice, TheModelIsTheSameToTheLastBit) {
  plan::Request request = test::small_request(GetParam(), device_under_test());
  request.dry_run.model.path = test::lively_model(GetParam());
  test::expect_same_upload(request);
}

INSTANTIATE_TEST_SUITE_P(Architectures, UploadsOnTheDevice,
                         ::testing::Values("llama-dense", "gemma3-dense", "jamba-dense", "olmoe-moe"));

}  // namespace
}  // namespace plimsoll::run
