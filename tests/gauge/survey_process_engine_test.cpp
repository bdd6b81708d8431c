// A file that makes the engine end its process ends the survey's child, and nobody else. Those tests fork, so each
// needs a process of its own that has not started backends.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <random>

#include <plimsoll/engine/backend.hpp>
#include <plimsoll/gauge/local_surveys.hpp>
#include <plimsoll/gauge/survey_process.hpp>

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::gauge {
namespace {

using test::expect_error;

SurveyRequest request_for(const std::string& path) {
  SurveyRequest request;
  request.model.path = path;
  request.model.devices = {"none"};
  request.context = test::small_context();
  return request;
}

// Whole files that say what the engine asserts it never hears.
std::vector<test::TinyGguf> files_that_end_the_engine() {
  std::vector<test::TinyGguf> files(4, test::tiny_llama());
  files[0].remove("llama.block_count").number("llama.block_count", 600);
  files[1].remove("llama.block_count").number("llama.block_count", 0);
  files[2].number("llama.expert_count", 8).number("llama.expert_used_count", 9);
  files[3].remove("tokenizer.ggml.model").text("tokenizer.ggml.model", "bert");
  return files;
}

// Alive, or ended and not waited for.
bool has_children() { return waitpid(-1, nullptr, WNOHANG) != -1; }

class SurveyProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(engine::backends_started()) << "this test forks: run it in a process of its own, as ctest does";
  }

  test::TemporaryFolder folder_;
  SurveyProcess surveys_;
};

TEST_F(SurveyProcessTest, ThrowsWhatTheChildThrew) {
  expect_error(ErrorCode::model_unusable, "no such file",
               [&] { (void)surveys_.survey(request_for(folder_.path("absent"))); });
  SurveyRequest request = request_for(test::arch_model("llama-dense"));
  request.context.n_ubatch = 1000;
  expect_error(ErrorCode::usage, "cannot be larger than the batch", [&] { (void)surveys_.survey(request); });
  request.context = test::small_context();
  EXPECT_FALSE(surveys_.survey(request).lines.empty());
}

// A context that a survey made on a card lives as long as its process.
TEST_F(SurveyProcessTest, HasNoChildWhileItRests) {
  (void)surveys_.survey(request_for(test::arch_model("llama-dense")));
  ASSERT_TRUE(has_children());
  surveys_.rest();
  EXPECT_TRUE(surveys_.resting());
  EXPECT_FALSE(has_children());
  EXPECT_FALSE(surveys_.survey(request_for(test::arch_model("llama-dense"))).lines.empty());
  EXPECT_FALSE(surveys_.resting());
}

// Bytes of the header changed at random: always an answer, and this process lives. The engine's own aborts are among
// them.
TEST_F(SurveyProcessTest, LivesThroughChangedBytes) {
  const test::TinyGguf file = test::tiny_llama();
  const std::string whole = file.bytes();
  std::mt19937 random(11);
  std::size_t answers = 0;
  for (int i = 0; i < 150; ++i) {
    std::string changed = whole;
    for (int k = 0; k < 3; ++k) changed[random() % file.header_size()] = static_cast<char>(random());
    const std::string path = folder_.write("changed.gguf", changed);
    try {
      (void)surveys_.survey(request_for(path));
    } catch (const Error& error) {
      EXPECT_EQ(to_string(error.code()), "model_unusable") << error.what();
    }
    ++answers;
  }
  EXPECT_EQ(answers, 150U);
  EXPECT_FALSE(surveys_.survey(request_for(test::arch_model("llama-dense"))).lines.empty());
}

TEST_F(SurveyProcessTest, AFileThatEndsTheEngineIsUnusable) {
  for (const test::TinyGguf& file : files_that_end_the_engine()) {
    const std::string path = folder_.write("killer.gguf", file.bytes());
    expect_error(ErrorCode::model_unusable, "the engine", [&] { (void)surveys_.survey(request_for(path)); });
  }
  EXPECT_FALSE(surveys_.survey(request_for(test::arch_model("llama-dense"))).lines.empty());
}

TEST_F(SurveyProcessTest, AnswersAsASurveyInThisProcessDoes) {
  const SurveyRequest request = request_for(test::arch_model("llama-dense"));
  const Survey far = surveys_.survey(request);
  EXPECT_FALSE(engine::backends_started());
  EXPECT_FALSE(surveys_.devices().empty());
  LocalSurveys local;
  const Survey near = local.survey(request);
  EXPECT_EQ(far.lines, near.lines);
  EXPECT_EQ(far.model.n_params, near.model.n_params);
  EXPECT_EQ(far.context.n_ctx, near.context.n_ctx);
  EXPECT_EQ(far.transient, near.transient);
}

TEST(SurveyProgramTest, IsNeededWhereForkingIsNotSafe) {
  engine::start_backends();
  SurveyProcess surveys;
  expect_error(ErrorCode::unsupported, "program of its own", [&] { (void)surveys.devices(); });
}

TEST(SurveyProgramTest, ThatIsNotThereIsSaid) {
  engine::start_backends();
  SurveyProcess absent({"/no/such/program"});
  expect_error(ErrorCode::io, "could not be started", [&] { (void)absent.devices(); });
}

}  // namespace
}  // namespace plimsoll::gauge
