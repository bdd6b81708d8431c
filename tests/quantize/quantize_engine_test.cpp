#include "quantize/quantize.hpp"

#include <gguf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include <plimsoll/base/error.hpp>
#include "engine/backend.hpp"
#include "engine/gguf_header.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::quantize {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;

struct Metadata {
  explicit Metadata(const std::string& path)
      : file(gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = nullptr})) {}
  ~Metadata() { gguf_free(file); }
  [[nodiscard]] std::int64_t key(const char* name) const { return gguf_find_key(file, name); }
  [[nodiscard]] ggml_type type_of(const char* tensor) const {
    return gguf_get_tensor_type(file, gguf_find_tensor(file, tensor));
  }
  [[nodiscard]] std::int64_t integer(const char* name) const {
    const std::int64_t id = key(name);
    const bool is_unsigned = gguf_get_kv_type(file, id) == GGUF_TYPE_UINT32;
    return is_unsigned ? std::int64_t{gguf_get_val_u32(file, id)} : std::int64_t{gguf_get_val_i32(file, id)};
  }
  gguf_context* file;
};

Bytes tensor_bytes(const std::string& path) {
  Bytes sum;
  for (const auto& [name, place] : engine::read_gguf_header(path).tensors) sum += Bytes{place.bytes};
  return sum;
}

class QuantizeTest : public testing::Test {
 protected:
  Request request(llama_ftype type) const {
    return {.input = test::arch_model("llama-dense"), .output = folder_.path("new.gguf"), .type = type};
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  test::TemporaryFolder folder_;
};

// An importance matrix as llama-imatrix writes it, of every weight of the llama test model.
std::string tiny_imatrix(const test::TemporaryFolder& folder, float first = 3) {
  test::TinyGguf file;
  file.text("general.type", "imatrix").texts("imatrix.datasets", {"letters.txt"}).number("imatrix.chunk_count", 7);
  const std::string path = test::arch_model("llama-dense");
  const Metadata model(path);
  for (std::int64_t i = 0; i < gguf_get_n_tensors(model.file); ++i) {
    const std::string name = gguf_get_tensor_name(model.file, i);
    if (!name.ends_with(".weight") || name.contains("norm") || name.contains("rope")) continue;
    const std::uint64_t columns = name.contains("ffn_down") ? 384 : 256;
    file.tensor(name + ".in_sum2", {columns, 1}, {first, 1, 2, 5}).tensor(name + ".counts", {1, 1}, {4});
  }
  return folder.write("matrix.gguf", file.bytes());
}

TEST_F(QuantizeTest, WritesAFileThatLoadsAndIsAsLargeAsItSays) {
  std::vector<std::size_t> seen;
  const Result result = quantize(request(LLAMA_FTYPE_MOSTLY_Q4_K_M), {.progress = [&](const Progress& at) {
                                   EXPECT_EQ(at.of, 64U);
                                   EXPECT_FALSE(at.tensor.empty());
                                   seen.push_back(at.done);
                                 }});
  const std::string path = folder_.path("new.gguf");
  EXPECT_THAT(result.files, ElementsAre(path));
  EXPECT_THAT(files(), ElementsAre("new.gguf"));
  EXPECT_EQ(result.tensors, 64U);
  EXPECT_EQ(result.before, tensor_bytes(test::arch_model("llama-dense")));
  EXPECT_EQ(result.after, tensor_bytes(path));
  EXPECT_LT(result.after, result.before);
  EXPECT_GT(result.fallbacks, 0U);  // 384 columns are no multiple of 256
  ASSERT_EQ(seen.size(), 64U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(Metadata(path).type_of("blk.0.attn_q.weight"), GGML_TYPE_Q4_K);
  const auto model = test::load_on_cpu(path);
  EXPECT_THAT(model->facts().description, HasSubstr("Q4_K"));
  const auto context = engine::Context::create(model, test::small_context());
  EXPECT_EQ(test::logits_after(*context, {1, 2, 3}).size(), 128U);
}

TEST_F(QuantizeTest, ADryRunSaysTheSameSizesAndWritesNothing) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q5_K_S);
  asked.dry_run = true;
  const Result expected = quantize(asked);
  EXPECT_TRUE(files().empty());
  EXPECT_TRUE(expected.files.empty());
  asked.dry_run = false;
  const Result real = quantize(asked);
  EXPECT_EQ(expected.before, real.before);
  EXPECT_EQ(expected.after, real.after);
  EXPECT_EQ(expected.tensors, real.tensors);
  EXPECT_EQ(expected.fallbacks, real.fallbacks);
}

// Written in full, with an importance matrix so that the smallest types are allowed too.
TEST_F(QuantizeTest, EveryFileTypeOfTheEngineCanBeWritten) {
  const std::string matrix = tiny_imatrix(folder_);
  for (const FileType& type : file_types()) {
    SCOPED_TRACE(type.name);
    Request asked = request(type.type);
    asked.imatrix = matrix;
    const Result result = quantize(asked, {.overwrite = true});
    EXPECT_EQ(result.after, tensor_bytes(result.files.front()));
    EXPECT_LE(result.after, result.before);
    const Metadata made(result.files.front());
    EXPECT_EQ(made.integer("general.file_type"), static_cast<std::int64_t>(type.type));
  }
}

TEST_F(QuantizeTest, NamesAreWholeAndInEitherCase) {
  EXPECT_EQ(file_type_from_string("q4_k_m"), LLAMA_FTYPE_MOSTLY_Q4_K_M);
  EXPECT_EQ(file_type_from_string("Q4_K"), LLAMA_FTYPE_MOSTLY_Q4_K_M);
  EXPECT_EQ(file_type_from_string("Q4"), std::nullopt);
  EXPECT_EQ(file_type_from_string(""), std::nullopt);
  for (const FileType& type : file_types()) {
    EXPECT_EQ(file_type_from_string(type.name), type.type) << type.name;
    EXPECT_THAT(file_type_names(), HasSubstr(std::string(type.name)));
  }
  EXPECT_EQ(tensor_type_from_string("Q8_0"), GGML_TYPE_Q8_0);
  EXPECT_EQ(tensor_type_from_string("q8_9"), std::nullopt);
}

TEST_F(QuantizeTest, OptionsReachTheFile) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q4_0);
  asked.quantize_output_tensor = false;
  asked.token_embedding_type = GGML_TYPE_Q5_1;
  asked.tensor_types = {{.pattern = "attn_q\\.weight", .type = GGML_TYPE_Q8_0}};
  asked.metadata = {{.key = "general.name", .value = std::string("renamed")},
                    {.key = "my.number", .value = std::int64_t{5}},
                    {.key = "my.share", .value = 0.5},
                    {.key = "my.flag", .value = true}};
  (void)quantize(asked);
  const Metadata made(asked.output);
  EXPECT_EQ(made.type_of("output.weight"), GGML_TYPE_F32);
  EXPECT_EQ(made.type_of("token_embd.weight"), GGML_TYPE_Q5_1);
  EXPECT_EQ(made.type_of("blk.1.attn_q.weight"), GGML_TYPE_Q8_0);
  EXPECT_EQ(made.type_of("blk.1.attn_k.weight"), GGML_TYPE_Q4_0);
  EXPECT_STREQ(gguf_get_val_str(made.file, made.key("general.name")), "renamed");
  EXPECT_GE(made.key("my.number"), 0);
  EXPECT_GE(made.key("my.share"), 0);
  EXPECT_GE(made.key("my.flag"), 0);
}

TEST_F(QuantizeTest, ACopyChangesNoTensor) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q4_0);
  asked.only_copy = true;
  const Result result = quantize(asked);
  EXPECT_EQ(result.before, result.after);
  EXPECT_EQ(Metadata(asked.output).type_of("blk.1.attn_k.weight"), GGML_TYPE_F32);
}

TEST_F(QuantizeTest, LayersCanBeLeftOut) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q8_0);
  asked.prune_layers = {1};
  (void)quantize(asked);
  EXPECT_EQ(test::load_on_cpu(asked.output)->facts().n_layer, 1);
}

TEST_F(QuantizeTest, AnImportanceMatrixCounts) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q4_K_S);
  (void)quantize(asked);
  const std::string without = test::read_whole_file(asked.output);
  asked.imatrix = tiny_imatrix(folder_, 9000);
  (void)quantize(asked, {.overwrite = true});
  EXPECT_NE(test::read_whole_file(asked.output), without);
  const Metadata made(asked.output);
  EXPECT_EQ(made.integer("quantize.imatrix.chunks_count"), 7);
  EXPECT_STREQ(gguf_get_val_str(made.file, made.key("quantize.imatrix.dataset")), "letters.txt");
}

TEST_F(QuantizeTest, WhatIsNoImportanceMatrixIsRefused) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q4_K_S);
  asked.imatrix = folder_.path("missing");
  expect_error(ErrorCode::usage, "no file", [&] { (void)quantize(asked); });
  asked.imatrix = folder_.write("old.dat", std::string("\3\0\0\0not a matrix", 16));
  expect_error(ErrorCode::usage, "not an importance matrix", [&] { (void)quantize(asked); });
  asked.imatrix = test::arch_model("llama-dense");
  expect_error(ErrorCode::usage, "another kind", [&] { (void)quantize(asked); });
  test::TinyGguf half;
  half.text("general.type", "imatrix").tensor("a.weight.in_sum2", {8, 1}, {1});
  asked.imatrix = folder_.write("half.gguf", half.bytes());
  expect_error(ErrorCode::usage, "belong together", [&] { (void)quantize(asked); });
  EXPECT_FALSE(std::filesystem::exists(asked.output));
}

TEST_F(QuantizeTest, ATypeThatNeedsAnImportanceMatrixSaysSo) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_IQ2_XXS);
  expect_error(ErrorCode::usage, "importance matrix", [&] { (void)quantize(asked); });
  EXPECT_TRUE(files().empty());
  asked.dry_run = true;
  EXPECT_TRUE(quantize(asked).requires_imatrix);
}

TEST_F(QuantizeTest, QuantizingAgainMustBeAllowed) {
  Request first = request(LLAMA_FTYPE_MOSTLY_Q8_0);
  (void)quantize(first);
  Request second{.input = first.output, .output = folder_.path("again.gguf"), .type = LLAMA_FTYPE_MOSTLY_Q4_0};
  expect_error(ErrorCode::usage, "--allow-requantize", [&] { (void)quantize(second); });
  second.allow_requantize = true;
  EXPECT_EQ(quantize(second).files.size(), 1U);
}

TEST_F(QuantizeTest, ASplitModelStaysSplitOrBecomesOneFile) {
  const std::string whole = folder_.write("whole.gguf", test::tiny_llama().bytes());
  const std::string command =
      "llama-gguf-split --split --split-max-tensors 8 " + whole + " " + folder_.path("part") + " > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  Request asked{.input = folder_.path("part-00001-of-00003.gguf"), .output = folder_.path("out.gguf")};
  EXPECT_THAT(quantize(asked).files, ElementsAre(folder_.path("out.gguf")));
  asked.keep_split = true;
  EXPECT_THAT(quantize(asked, {.overwrite = true}).files,
              ElementsAre(folder_.path("out-00001-of-00003.gguf"), folder_.path("out-00002-of-00003.gguf"),
                          folder_.path("out-00003-of-00003.gguf")));
  asked.output = folder_.path("part.gguf");
  expect_error(ErrorCode::usage, "input itself", [&] { (void)quantize(asked, {.overwrite = true}); });
  asked.output = folder_.path("out");
  expect_error(ErrorCode::usage, "there already", [&] { (void)quantize(asked); });
  EXPECT_EQ(test::load_on_cpu(folder_.path("out-00001-of-00003.gguf"))->facts().n_layer, 2);
}

TEST_F(QuantizeTest, NeverWritesOverAFileUnaskedNorOverTheInput) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q8_0);
  folder_.write("new.gguf", "precious");
  expect_error(ErrorCode::usage, "there already", [&] { (void)quantize(asked); });
  EXPECT_EQ(test::read_whole_file(asked.output), "precious");
  asked.input = folder_.write("in.gguf", test::tiny_llama().bytes());
  asked.output = folder_.path() / "." / "in.gguf";
  expect_error(ErrorCode::usage, "input itself", [&] { (void)quantize(asked, {.overwrite = true}); });
  asked.output = folder_.path();
  expect_error(ErrorCode::usage, "not a regular file", [&] { (void)quantize(asked, {.overwrite = true}); });
  EXPECT_THAT(files(), ElementsAre("in.gguf", "new.gguf"));
}

TEST_F(QuantizeTest, CancellingLeavesNothingBehind) {
  std::stop_source source;
  folder_.write("new.gguf", "old");
  std::size_t seen = 0;
  expect_error(ErrorCode::cancelled, "cancelled", [&] {
    (void)quantize(request(LLAMA_FTYPE_MOSTLY_Q4_K_M), {.overwrite = true,
                                                        .progress =
                                                            [&](const Progress&) {
                                                              if (++seen == 1) source.request_stop();
                                                            },
                                                        .stop = source.get_token()});
  });
  EXPECT_THAT(files(), ElementsAre("new.gguf"));
  EXPECT_EQ(test::read_whole_file(folder_.path("new.gguf")), "old");
}

TEST_F(QuantizeTest, AFullDiskLeavesNothingBehind) {
  const rlimit small{.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error(ErrorCode::io, "could not be written", [&] { (void)quantize(request(LLAMA_FTYPE_MOSTLY_Q8_0)); });
  EXPECT_TRUE(files().empty());
}

TEST_F(QuantizeTest, AFolderThatIsNotThereIsAnError) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q8_0);
  asked.output = folder_.path("no/such/new.gguf");
  expect_error(ErrorCode::io, "could not be written", [&] { (void)quantize(asked); });
}

TEST_F(QuantizeTest, DamagedFilesEndInASentence) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q8_0);
  asked.input = folder_.write("bad.gguf", "no model at all");
  expect_error(ErrorCode::model_unusable, "GGUF", [&] { (void)quantize(asked); });
  test::TinyGguf unknown = test::tiny_llama();
  unknown.remove("general.architecture").text("general.architecture", "lhama");
  asked.input = folder_.write("bad.gguf", unknown.bytes());
  expect_error(ErrorCode::model_unusable, "lhama", [&] { (void)quantize(asked); });
  EXPECT_THAT(files(), ElementsAre("bad.gguf"));
}

TEST_F(QuantizeTest, SaysThatItNeedsAHelperWhereItCannotFork) {
  engine::start_backends();
  expect_error(ErrorCode::unsupported, "program of its own", [&] { (void)quantize(request(LLAMA_FTYPE_MOSTLY_Q8_0)); });
  EXPECT_TRUE(files().empty());
}

TEST_F(QuantizeTest, WhatMeansNothingIsRefused) {
  Request asked = request(LLAMA_FTYPE_MOSTLY_Q8_0);
  asked.tensor_types = {{.pattern = "((", .type = GGML_TYPE_Q8_0}};
  expect_error(ErrorCode::usage, "regular expression", [&] { (void)quantize(asked); });
  asked = request(LLAMA_FTYPE_MOSTLY_Q8_0);
  asked.prune_layers = {-3};
  expect_error(ErrorCode::usage, "not a layer", [&] { (void)quantize(asked); });
  asked = request(LLAMA_FTYPE_MOSTLY_Q8_0);
  asked.metadata = {{.key = std::string(128, 'k'), .value = true}};
  expect_error(ErrorCode::usage, "127", [&] { (void)quantize(asked); });
}

}  // namespace
}  // namespace plimsoll::quantize
