// A model file that is cut or written to while the model is in use fails that model, and nothing else.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/context.hpp"
#include "engine/model.hpp"

#include "arch_models.hpp"
#include "expect_error.hpp"
#include "mapped_fault.hpp"
#include "mapped_file.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;

class MappedFaultTest : public testing::Test {
 protected:
  MappedFaultTest() { std::filesystem::copy_file(test::arch_model("llama-dense"), path_); }

  static std::unique_ptr<Context> opened(const std::string& path, LoadMode mode = LoadMode::mmap) {
    ModelParams params;
    params.path = path;
    params.devices = {"none"};
    params.load_mode = mode;
    params.use_extra_bufts = false;  // so that the weights stay in the file
    ContextParams context;
    context.n_ctx = 64;
    context.n_batch = 8;
    context.n_ubatch = 8;
    context.n_threads = 2;  // the fault may be a worker's
    return Context::create(Model::load(params), context);
  }
  static DecodeStatus compute(Context& context) {
    Batch batch;
    batch.add(1, context.last_position(0) + 1, 0, true);
    return context.decode(batch);
  }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.path("model.gguf");
};

TEST_F(MappedFaultTest, AFileThatIsCutFailsItsModelAndNoOther) {
  const auto cut = opened(path_);
  const auto other = opened(test::arch_model("llama-dense"));
  ASSERT_EQ(compute(*cut), DecodeStatus::ok);
  std::filesystem::resize_file(path_, 4096);
  expect_error(ErrorCode::model_unusable, "was changed while the model was in use", [&] { (void)compute(*cut); });
  expect_error(ErrorCode::model_unusable, "load it again", [&] { (void)compute(*cut); });  // it stays so
  EXPECT_EQ(compute(*other), DecodeStatus::ok);
  EXPECT_TRUE(other->model()->is_intact());
}

TEST_F(MappedFaultTest, WhatIsCutAwayReadsAsZerosAndIsTold) {
  const GuardedFile guard(path_);
  const GuardedFile also(path_);  // two models of one file
  const std::uintmax_t size = std::filesystem::file_size(path_);
  const auto context = opened(path_);  // has it mapped
  std::filesystem::resize_file(path_, size / 2 / 4096 * 4096);
  EXPECT_TRUE(guard.rewritten());
  try {
    (void)compute(*context);
  } catch (const Error&) {  // told by the file's size
  }
  EXPECT_TRUE(guard.faulted());
  EXPECT_TRUE(also.faulted());
  EXPECT_FALSE(guard.replaced());
}

TEST_F(MappedFaultTest, AFileThatIsWrittenToIsNotUsedOn) {
  const auto context = opened(path_);
  const std::shared_ptr<Model> model = context->model();
  EXPECT_TRUE(model->is_intact());
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path_) / 2));
    file << "other weights";
  }
  std::filesystem::last_write_time(path_, std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_FALSE(model->is_intact());
  EXPECT_FALSE(model->is_replaced());
  expect_error(ErrorCode::model_unusable, "was changed", [&] { model->require_intact(); });
}

TEST_F(MappedFaultTest, AFileThatIsReplacedIsKeptByWhoHasItMapped) {
  const auto context = opened(path_);
  const std::string newer = folder_.path("newer.gguf");
  std::filesystem::copy_file(path_, newer);
  std::filesystem::rename(newer, path_);
  EXPECT_EQ(compute(*context), DecodeStatus::ok);
  EXPECT_TRUE(context->model()->is_intact());
  EXPECT_TRUE(context->model()->is_replaced());
}

TEST_F(MappedFaultTest, AModelThatWasReadNeedsItsFileNoMore) {
  const auto context = opened(path_, LoadMode::none);
  std::filesystem::resize_file(path_, 4096);
  EXPECT_EQ(compute(*context), DecodeStatus::ok);
  EXPECT_TRUE(context->model()->is_intact());
}

TEST_F(MappedFaultTest, AHeaderThatIsCutWhileItIsReadEndsNothing) {
  const MappedFile header(path_);
  std::filesystem::resize_file(path_, 0);
  EXPECT_EQ(header.bytes()[0], std::byte{0});
}

TEST_F(MappedFaultTest, AFaultOfSomebodyElsesStillEndsTheProcess) {
  EXPECT_EXIT(
      {
        const GuardedFile guard(path_);
        const std::string elsewhere = folder_.write("elsewhere", std::string(1 << 16, 'x'));
        const int file = open(elsewhere.c_str(), O_RDONLY);
        const auto* mapped = static_cast<const volatile char*>(mmap(nullptr, 1 << 16, PROT_READ, MAP_SHARED, file, 0));
        std::filesystem::resize_file(elsewhere, 0);
        std::exit(mapped[4096]);
      },
      testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace plimsoll::engine
