#include <gtest/gtest.h>

#include "engine/adapter.hpp"
#include "engine/context.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using test::logits_after;

class AdapterTest : public testing::Test {
 protected:
  std::string lora(std::string_view architecture, std::uint32_t width) {
    return folder_.write(
        "lora.gguf",
        test::tiny_lora(architecture, {.layers = 2, .width_in = width, .width_out = 256, .rank = 4}).bytes());
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<Model> model_ = test::load_on_cpu(test::arch_model("llama-dense"));
};

TEST_F(AdapterTest, ChangesLogitsWhileItIsSet) {
  const auto adapter = Adapter::load(model_, lora("llama", 256));
  const auto context = Context::create(model_, test::small_context());
  const auto fresh = [&] {
    context->clear();
    return logits_after(*context, {1, 2, 3, 4, 5});
  };
  const std::vector<float> plain = fresh();
  context->set_adapters({{adapter, 1.0F}});
  EXPECT_NE(fresh(), plain);
  context->set_adapters({{adapter, 0.0F}});
  EXPECT_EQ(fresh(), plain);
  context->set_adapters({});
  EXPECT_EQ(fresh(), plain);
}

TEST_F(AdapterTest, OfAnotherModelIsUnusable) {
  expect_error(ErrorCode::model_unusable, "lora.gguf", [&] { (void)Adapter::load(model_, lora("qwen2", 256)); });
  expect_error(ErrorCode::model_unusable, "lora.gguf", [&] { (void)Adapter::load(model_, lora("llama", 128)); });
}

TEST_F(AdapterTest, AModelIsNoAdapter) {
  const std::string path = folder_.write("model.gguf", test::tiny_llama().bytes());
  expect_error(ErrorCode::model_unusable, "model.gguf", [&] { (void)Adapter::load(model_, path); });
}

TEST_F(AdapterTest, ADamagedFileIsUnusable) {
  const std::string whole = test::read_whole_file(lora("llama", 256));
  const std::string path = folder_.write("cut.gguf", whole.substr(0, whole.size() / 2));
  expect_error(ErrorCode::model_unusable, "cut short", [&] { (void)Adapter::load(model_, path); });
  expect_error(ErrorCode::model_unusable, "no such file", [&] { (void)Adapter::load(model_, folder_.path("absent")); });
}

}  // namespace
}  // namespace plimsoll::engine
