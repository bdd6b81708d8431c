#include "same_upload.hpp"

#include <ggml-backend.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>

#include "engine/gguf_header.hpp"
#include "engine/model.hpp"

#include "decoding.hpp"
#include "small_models.hpp"

namespace plimsoll::test {

std::unique_ptr<run::Instance> reserved(run::MemoryAccounting& accounting, const plan::Request& request,
                                        Bytes uploads_from) {
  accounting.tracker().set_uploads_from(uploads_from);
  return reserve(accounting, plan_of(request));
}

namespace {

std::vector<std::byte> in_the_file(const std::vector<std::string>& files, const engine::TensorPlace& place) {
  std::ifstream file(files.at(place.file), std::ios::binary);
  std::vector<std::byte> bytes(place.bytes);
  file.seekg(static_cast<std::streamoff>(place.offset));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw std::runtime_error("the file ends before its weight does");
  return bytes;
}

std::vector<std::string> not_as_in_the_file(const run::Instance& instance) {
  const std::string& path = instance.plan().request.model.path;
  const engine::GgufHeader header = engine::read_gguf_header(path);
  const std::vector<std::string> files = engine::split_files(path);
  std::vector<std::string> wrong;
  for (const tracker::UploadedWeight& weight : instance.uploaded()) {
    const std::vector<std::byte> expected = in_the_file(files, header.tensors.at(weight.name));
    std::vector<std::byte> there(ggml_nbytes(weight.tensor));
    ggml_backend_tensor_get(weight.tensor, there.data(), 0, there.size());
    if (there != expected) wrong.push_back(weight.name);
  }
  return wrong;
}

}  // namespace

Loaded loaded(const plan::Request& request, Bytes uploads_from) {
  run::MemoryAccounting accounting;
  const auto instance = reserved(accounting, request, uploads_from);
  instance->load();
  for (const memory::Entry& entry : accounting.ledger().entries_of(tracker::Uploads::kOwner))
    EXPECT_EQ(entry.taken.current, Bytes{}) << "staging memory outlives the load";
  instance->create_context();
  expect_holds_what_is_planned(*instance);
  return {.logits = logits_after(instance->context(), some_tokens(20)),
          .entries = instance->snapshot(),
          .counts = instance->upload_counts(),
          .wrong = not_as_in_the_file(*instance),
          .has_experts = instance->model()->facts().n_expert > 0};
}

void expect_same_upload(const plan::Request& request) {
  const Loaded engines = loaded(request, kUploadNever);
  const Loaded ours = loaded(request, kUploadAlways);
  EXPECT_EQ(engines.counts.weights, 0U);
  EXPECT_GT(ours.counts.weights, 0U) << "nothing went our way, so nothing is compared";
  EXPECT_GT(ours.counts.from_file, Bytes{});
  EXPECT_EQ(engines.entries, ours.entries);
  EXPECT_THAT(ours.wrong, ::testing::IsEmpty());
  if (!ours.has_experts) {
    EXPECT_EQ(engines.logits, ours.logits);
  }
}

}  // namespace plimsoll::test
