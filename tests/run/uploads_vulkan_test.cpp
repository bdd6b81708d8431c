// Weights that go to a device by tracker::Uploads, on a software GPU: the same model, byte for byte, as the engine
// loads.
#include "tracker/uploads.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/gguf_header.hpp"
#include "run/open.hpp"
#include "tracker/kept_weights.hpp"

#include "arch_models.hpp"
#include "expect_error.hpp"
#include "same_upload.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::expect_same_upload;
using test::kUploadAlways;
using test::loaded;
using test::reserved;

plan::Request on_vulkan(const std::string& path) {
  plan::Request request = test::small_request("llama-dense", "Vulkan0");
  request.dry_run.model.path = path;
  return request;
}

class UploadsVulkanTest : public ::testing::TestWithParam<const char*> {};

TEST_P(UploadsVulkanTest, TheModelIsTheSameToTheLastBit) {
  expect_same_upload(on_vulkan(test::lively_model(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Architectures, UploadsVulkanTest,
                         ::testing::Values("llama-dense", "gemma3-dense", "jamba-dense", "olmoe-moe", "gpt2-dense"));

TEST(UploadsTest, ASplitModelAndOneWithWeightsOnTheHostAreTheSame) {
  const test::TemporaryFolder folder;
  const std::string command = "llama-gguf-split --split --split-max-tensors 8 " + test::arch_model("llama-dense") +
                              " " + folder.path("part") + " > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::string first;
  for (const auto& file : fs::directory_iterator(folder.path())) {
    if (file.path().string().find("-00001-of-") != std::string::npos) first = file.path();
  }
  expect_same_upload(on_vulkan(first));
  plan::Request half = on_vulkan(test::arch_model("llama-dense"));
  half.dry_run.model.gpu_layers = 1;
  expect_same_upload(half);
  plan::Request moved = on_vulkan(test::arch_model("olmoe-moe"));
  moved.dry_run.model.cpu_moe = true;
  expect_same_upload(moved);
}

TEST(UploadsTest, OtherLoadModesAreTheEngines) {
  plan::Request request = on_vulkan(test::arch_model("llama-dense"));
  request.dry_run.model.load_mode = engine::LoadMode::none;
  EXPECT_EQ(loaded(request, kUploadAlways).counts.weights, 0U);
}

TEST(UploadsTest, SmallModelsAreTheEngines) {
  EXPECT_EQ(loaded(on_vulkan(test::arch_model("llama-dense")), tracker::kWorthUploading).counts.weights, 0U);
}

// Its budget has room for the model and for nothing else.
TEST(UploadsTest, ABudgetThatIsFullCostsSpeedAndNothingElse) {
  MemoryAccounting accounting;
  const auto instance = reserved(accounting, on_vulkan(test::arch_model("llama-dense")), kUploadAlways);
  accounting.ledger().set_budget(device::host(), accounting.ledger().account(device::host()).committed + 1_MiB);
  const std::uint64_t refusals = hook::counters().refusals;
  instance->load();
  EXPECT_EQ(instance->upload_counts().weights, 0U);
  EXPECT_EQ(hook::counters().refusals, refusals);
}

TEST(UploadsTest, ProgressIsToldAndALoadCanBeStoppedInTheMiddle) {
  MemoryAccounting accounting;
  const Bytes before = accounting.ledger().account(device::DeviceId{"Vulkan0"}).taken;
  {
    const auto instance = reserved(accounting, on_vulkan(test::arch_model("llama-dense")), kUploadAlways);
    std::vector<float> told;
    std::stop_source stop;
    const auto progress = [&](float share) {
      told.push_back(share);
      if (share > 0.4F) stop.request_stop();
    };
    expect_error(ErrorCode::cancelled, "cancelled", [&] { instance->load(progress, stop.get_token()); });
    ASSERT_GT(told.size(), 2U);
    EXPECT_TRUE(std::ranges::is_sorted(told));
    EXPECT_LT(told.back(), 1.0F);
    instance->load();  // what was stopped can be begun again
  }
  EXPECT_EQ(accounting.ledger().account(device::DeviceId{"Vulkan0"}).taken, before);
  EXPECT_TRUE(accounting.ledger().empty());
}

// What happens to the file once its header has been read.
class ChangingFileTest : public ::testing::Test {
 protected:
  ChangingFileTest() { fs::copy_file(test::lively_model("llama-dense"), path_); }

  void expect_unusable(const std::string& words, const std::function<void()>& change) {
    MemoryAccounting accounting;
    {
      const auto instance = reserved(accounting, on_vulkan(path_), kUploadAlways);
      bool changed = false;
      const auto progress = [&](float) {
        if (!std::exchange(changed, true)) change();
      };
      expect_error(ErrorCode::model_unusable, words, [&] { instance->load(progress); });
      EXPECT_TRUE(changed);
      EXPECT_EQ(instance->model(), nullptr);
    }
    EXPECT_TRUE(accounting.ledger().empty());
  }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.path("model.gguf");
};

TEST_F(ChangingFileTest, CutItFailsTheLoad) {
  expect_unusable("was c", [&] { fs::resize_file(path_, fs::file_size(path_) / 2); });
}

TEST_F(ChangingFileTest, ReplacedItFailsTheLoad) {
  expect_unusable("was changed while it was loaded", [&] {
    const std::string other = folder_.path("other.gguf");
    fs::copy_file(path_, other);
    fs::rename(other, path_);
  });
}

// ---- kept in host memory

class KeptWeightsTest : public ChangingFileTest {
 protected:
  // All that lies behind the header becomes something else; names, shapes and places stay.
  void overwrite_weights() const {
    std::uint64_t first = fs::file_size(path_);
    for (const auto& [name, place] : engine::read_gguf_header(path_).tensors) first = std::min(first, place.offset);
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(first));
    const std::string other(fs::file_size(path_) - first, 'x');
    file.write(other.data(), static_cast<std::streamsize>(other.size()));
  }
};

TEST_F(KeptWeightsTest, TheyComeBackWithoutTheFile) {
  MemoryAccounting accounting;
  std::shared_ptr<const tracker::KeptWeights> kept;
  std::vector<std::pair<std::string, std::size_t>> names;
  {
    const auto instance = reserved(accounting, on_vulkan(path_), kUploadAlways);
    instance->load();
    kept = tracker::KeptWeights::copy_of(instance->uploaded());
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->size(), tracker::size_when_kept(instance->uploaded()));
    for (const tracker::UploadedWeight& weight : instance->uploaded())
      names.emplace_back(weight.name, ggml_nbytes(weight.tensor));
  }
  EXPECT_EQ(accounting.ledger().account(device::host()).taken, kept->size());
  overwrite_weights();
  {
    const auto again = reserved(accounting, on_vulkan(path_), kUploadAlways);
    again->load({}, {}, kept);
    EXPECT_EQ(again->upload_counts().from_file, Bytes{});
    EXPECT_EQ(again->upload_counts().weights, names.size());
    const auto second = tracker::KeptWeights::copy_of(again->uploaded());
    ASSERT_TRUE(second);
    for (const auto& [name, bytes] : names)
      EXPECT_EQ(std::memcmp(kept->find(name, bytes), second->find(name, bytes), bytes), 0) << name;
    EXPECT_EQ(kept->find(names.front().first, names.front().second + 1), nullptr);
    EXPECT_EQ(kept->find("no such weight", 1), nullptr);
  }
  kept.reset();
  EXPECT_TRUE(accounting.ledger().empty());
}

TEST_F(KeptWeightsTest, WithoutRoomNothingIsKept) {
  MemoryAccounting accounting;
  const auto instance = reserved(accounting, on_vulkan(path_), kUploadAlways);
  instance->load();
  const Bytes committed = accounting.ledger().account(device::host()).committed;
  accounting.ledger().set_budget(device::host(), committed + 1_KiB);
  EXPECT_EQ(tracker::KeptWeights::copy_of(instance->uploaded()), nullptr);
  EXPECT_EQ(accounting.ledger().account(device::host()).committed, committed);
}

}  // namespace
}  // namespace plimsoll::run
