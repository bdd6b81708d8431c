// A backend that GGML_BACKEND_PATH names and that is not used, is told with the reason.
#include <dlfcn.h>
#include <ggml-backend.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/backend.hpp"

#include "paths.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class OwnBackendTest : public testing::Test {
 protected:
  OwnBackendTest() { start_backends(); }
  ~OwnBackendTest() override { unsetenv("GGML_BACKEND_PATH"); }
  static std::string problem_of(const std::string& path) {
    setenv("GGML_BACKEND_PATH", path.c_str(), 1);
    return own_backend_problem();
  }
  test::TemporaryFolder folder_;
};

TEST_F(OwnBackendTest, WhereNoneIsNamedThereIsNoProblem) {
  EXPECT_EQ(own_backend_problem(), "");
  EXPECT_EQ(problem_of(""), "");
}

TEST_F(OwnBackendTest, AFileThatIsNotThereOrNoLibraryIsSaid) {
  EXPECT_THAT(problem_of(folder_.path("gone.so")), AllOf(HasSubstr("gone.so"), HasSubstr("there is no such file")));
  EXPECT_THAT(problem_of(folder_.write("text.so", "no library")), HasSubstr("it cannot be loaded"));
}

TEST_F(OwnBackendTest, ALibraryThatIsNoBackendIsSaid) {
  Dl_info base{};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&ggml_backend_buft_name), &base), 0);
  EXPECT_THAT(problem_of(base.dli_fname), HasSubstr("it is not a backend"));
}

TEST_F(OwnBackendTest, ABackendForAnotherInterfaceIsRefusedWithBothNumbers) {
  EXPECT_THAT(problem_of(binary_path("tests/engine/libother_interface.so")),
              AllOf(HasSubstr("built for interface 999"), HasSubstr("build it from ggml ")));
}

// What own_backend.cpp reads of a registration, since ggml does not install the header that describes it.
TEST_F(OwnBackendTest, EveryRegistrationBeginsWithTheNumberOfItsInterface) {
  ASSERT_GT(ggml_backend_reg_count(), 0U);
  const int first = *reinterpret_cast<const int*>(ggml_backend_reg_get(0));
  EXPECT_GE(first, 1);
  EXPECT_LT(first, 100);
  for (std::size_t i = 0; i < ggml_backend_reg_count(); ++i)
    EXPECT_EQ(*reinterpret_cast<const int*>(ggml_backend_reg_get(i)), first)
        << ggml_backend_reg_name(ggml_backend_reg_get(i));
}

}  // namespace
}  // namespace plimsoll::engine
