#include <gtest/gtest.h>

#include <limits>

#include "engine/context.hpp"
#include "engine/control_vector.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using test::logits_after;

class ControlVectorTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const test::TinyGguf& gguf) { return folder_.write(name, gguf.bytes()); }
  test::TinyGguf steering(std::initializer_list<int> layers, float value) {
    test::TinyGguf gguf;
    gguf.text("general.architecture", "controlvector");
    for (const int layer : layers)
      gguf.tensor("direction." + std::to_string(layer), {static_cast<std::uint64_t>(facts().n_embd)}, {value, -value});
    return gguf;
  }
  [[nodiscard]] const ModelFacts& facts() const { return model_->facts(); }

  test::TemporaryFolder folder_;
  std::shared_ptr<Model> model_ = test::load_on_cpu(test::arch_model("llama-dense"));
};

TEST_F(ControlVectorTest, FilesAreScaledAndSummed) {
  ASSERT_GE(facts().n_layer, 2);
  const auto vector =
      load_control_vector(facts(), {.files = {{.path = file("a.gguf", steering({1}, 1)), .scale = 2},
                                              {.path = file("b.gguf", steering({1}, 3)), .scale = -1}}});
  EXPECT_EQ(vector.directions.size(), static_cast<std::size_t>((facts().n_layer - 1) * facts().n_embd));
  EXPECT_EQ(vector.directions[0], -1.0F);
  EXPECT_EQ(vector.directions[1], 1.0F);
  EXPECT_EQ(vector.first_layer, 1);
  EXPECT_EQ(vector.last_layer, facts().n_layer);
}

TEST_F(ControlVectorTest, SteersWhileItIsSet) {
  const auto vector = load_control_vector(facts(), {.files = {{.path = file("a.gguf", steering({1}, 0.5F))}}});
  const auto context = Context::create(model_, test::small_context());
  const auto fresh = [&] {
    context->clear();
    return logits_after(*context, {1, 2, 3, 4, 5});
  };
  const std::vector<float> plain = fresh();
  context->set_control_vector(vector);
  const std::vector<float> steered = fresh();
  EXPECT_NE(steered, plain);
  ControlVector elsewhere = vector;
  elsewhere.first_layer = elsewhere.last_layer = facts().n_layer;
  context->set_control_vector(elsewhere);
  EXPECT_EQ(fresh(), plain) << "out of its range it does nothing";
  context->set_control_vector(vector);
  EXPECT_EQ(fresh(), steered);
}

TEST_F(ControlVectorTest, OfAnotherModelIsUnusable) {
  const auto load = [&](const std::string& path) { (void)load_control_vector(facts(), {.files = {{.path = path}}}); };
  expect_error(ErrorCode::model_unusable, "layer", [&] { load(file("deep.gguf", steering({facts().n_layer}, 1))); });
  expect_error(ErrorCode::model_unusable, "layer 0", [&] { load(file("zero.gguf", steering({0}, 1))); });
  test::TinyGguf wide;
  wide.text("general.architecture", "controlvector").tensor("direction.1", {8}, {1});
  expect_error(ErrorCode::model_unusable, "direction.1 has 8", [&] { load(file("wide.gguf", wide)); });
  test::TinyGguf none;
  none.text("general.architecture", "controlvector").tensor("other", {8}, {1});
  expect_error(ErrorCode::model_unusable, "no direction", [&] { load(file("none.gguf", none)); });
  expect_error(ErrorCode::model_unusable, "no such file", [&] { load(folder_.path("absent")); });
  const std::string whole = steering({1}, 1).bytes();
  expect_error(ErrorCode::model_unusable, "cut short",
               [&] { load(folder_.write("cut.gguf", whole.substr(0, whole.size() / 2))); });
  const auto context = Context::create(model_, test::small_context());
  expect_error(ErrorCode::usage, "another width",
               [&] { context->set_control_vector({.directions = {1}, .n_embd = 1}); });
}

TEST_F(ControlVectorTest, RangesAndScalesAreChecked) {
  const AdapterParams good{.path = file("a.gguf", steering({1}, 1))};
  for (const auto& [first, last] : std::vector<std::pair<int, int>>{{2, 1}, {-1, 1}, {1, facts().n_layer + 1}}) {
    expect_error(ErrorCode::usage, "layers", [&] {
      (void)load_control_vector(facts(), {.files = {good}, .first_layer = first, .last_layer = last});
    });
  }
  expect_error(ErrorCode::usage, "not a number", [&] {
    (void)load_control_vector(facts(),
                              {.files = {{.path = good.path, .scale = std::numeric_limits<float>::infinity()}}});
  });
  expect_error(ErrorCode::usage, "a file", [&] { (void)load_control_vector(facts(), {}); });
}

}  // namespace
}  // namespace plimsoll::engine
