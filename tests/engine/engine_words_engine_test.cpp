// Where only the engine's log tells what happened, the engine is made to say it: a new engine with other words fails
// here.
#include <dlfcn.h>
#include <ggml.h>
#include <gtest/gtest.h>

#include <functional>

#include <plimsoll/base/error.hpp>
#include "engine/adapter.hpp"
#include "engine/context.hpp"
#include "engine/projector.hpp"
#include "tracker/hook.hpp"
#include "tracker/refusal_throws.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"
#include "tiny_projector.hpp"

namespace plimsoll::engine {
namespace {

using test::arch_model;
using test::load_on_cpu;
using test::small_context;

// Refuses one of the allocations of this thread, and says nothing about it to anybody.
class RefuseOne final : public hook::Observer {
 public:
  explicit RefuseOne(int which) : left_(which) {}
  ggml_backend_buffer_t allocate(const hook::Request& request) noexcept override {
    return left_-- == 0 ? hook::refuse() : Observer::allocate(request);
  }
  [[nodiscard]] bool refused() const noexcept { return left_ < 0; }

 private:
  int left_;
};

// Does `work` with each of its allocations refused in turn, and counts those that it failed of.
int failures_of(const std::function<void()>& work) {
  for (int which = 0; which < 100; ++which) {
    RefuseOne refusing(which);
    const hook::ThreadObserver watching(&refusing);
    try {
      work();
      if (!refusing.refused()) return which;
      ADD_FAILURE() << "allocation " << which << " was refused, and nobody noticed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::out_of_device_memory) << "allocation " << which << ": " << error.what();
    }
  }
  return -1;
}

TEST(EngineWordsTest, AModelThatGetsNoMemoryIsNotUnusable) {
  ASSERT_TRUE(hook::in_the_way());
  const auto load = [] {
    ModelParams params;
    params.path = arch_model("llama-dense");
    params.devices = {"none"};
    params.load_mode = LoadMode::none;
    (void)Model::load(params);
  };
  EXPECT_GE(failures_of(load), 1);
}

TEST(EngineWordsTest, AContextThatGetsNoMemoryIsNotUnsupported) {
  for (const char* name : {"llama-dense", "mamba-dense", "jamba-dense", "gemma3-dense"}) {
    SCOPED_TRACE(name);
    const auto model = load_on_cpu(arch_model(name));
    EXPECT_GE(failures_of([&] { (void)Context::create(model, small_context()); }), 3) << "cache, output, compute";
  }
}

TEST(EngineWordsTest, AnAdapterThatGetsNoMemoryIsNotUnusable) {
  const test::TemporaryFolder folder;
  const auto model = load_on_cpu(arch_model("llama-dense"));
  const auto lora = test::tiny_lora("llama", {.layers = 2, .width_in = 256, .width_out = 256, .rank = 4});
  const std::string path = folder.write("lora.gguf", lora.bytes());
  EXPECT_GE(failures_of([&] { (void)Adapter::load(model, path); }), 1);
}

TEST(EngineWordsTest, AProjectorThatGetsNoMemoryIsNotUnusable) {
  const test::TemporaryFolder folder;
  const auto model = load_on_cpu(folder.write("model.gguf", test::tiny_llama().bytes()));
  const std::string path = folder.write("projector.gguf", test::tiny_projector(test::ProjectorKind::fixed).bytes());
  RefuseOne refusing(0);  // the weights: the engine goes on where its compute buffers are refused (run::Instance)
  const hook::ThreadObserver watching(&refusing);
  const hook::RefusalThrows throwing;
  try {
    (void)Projector::load(model, {.path = path, .n_threads = 1});
    FAIL() << "loaded";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_device_memory) << error.what();
  }
}

// Exported by libllama, declared in no installed header: see src/dry_run/engine_extension.hpp.
bool graph_has_flash_attention(Context& context) {
  using Reserve = ggml_cgraph* (*)(llama_context*, std::uint32_t, std::uint32_t, std::uint32_t);
  const auto reserve = reinterpret_cast<Reserve>(dlsym(RTLD_DEFAULT, "_Z19llama_graph_reserveP13llama_contextjjj"));
  if (reserve == nullptr) throw std::runtime_error("the engine has no llama_graph_reserve");
  ggml_cgraph* graph = reserve(context.handle(), 1, 1, 1);
  for (int i = 0; i < ggml_graph_n_nodes(graph); ++i) {
    if (ggml_graph_node(graph, i)->op == GGML_OP_FLASH_ATTN_EXT) return true;
  }
  return false;
}

// Of the architectures that have attention at all: whatever was asked for, the facts are what is computed.
TEST(EngineWordsTest, FlashAttentionIsWhatTheGraphHas) {
  int with = 0;
  int without = 0;
  for (const char* name : {"llama-dense", "grok-moe", "gemma2-dense", "gemma3-dense", "qwen2-dense", "jamba-dense"}) {
    const auto model = load_on_cpu(arch_model(name));
    for (const auto asked : {FlashAttention::automatic, FlashAttention::on, FlashAttention::off}) {
      ContextParams params = small_context();
      params.flash_attn = asked;
      const auto context = Context::create(model, params);
      EXPECT_EQ(context->facts().flash_attn, graph_has_flash_attention(*context))
          << name << ", asked: " << std::to_underlying(asked);
      ++(context->facts().flash_attn ? with : without);
    }
  }
  EXPECT_GT(with, 0);
  EXPECT_GT(without, 6) << "one that cannot have it is among them";
}

}  // namespace
}  // namespace plimsoll::engine
