#include "same_upload.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "decoding.hpp"
#include "small_models.hpp"

namespace plimsoll::test {

std::unique_ptr<run::Instance> reserved(run::MemoryBooks& books, const plan::Request& request, Bytes uploads_from) {
  books.gauge().set_uploads_from(uploads_from);
  return reserve(books, plan_of(request));
}

Loaded loaded(const plan::Request& request, Bytes uploads_from) {
  run::MemoryBooks books;
  const auto instance = reserved(books, request, uploads_from);
  instance->load();
  for (const memory::Entry& entry : books.ledger().entries_of(gauge::Uploads::kOwner))
    EXPECT_EQ(entry.taken.current, Bytes{}) << "staging memory outlives the load";
  instance->create_context();
  expect_holds_what_is_planned(*instance);
  return {.logits = logits_after(instance->context(), some_tokens(20)),
          .lines = instance->snapshot(),
          .counts = instance->upload_counts()};
}

void expect_same_upload(const plan::Request& request) {
  const Loaded engines = loaded(request, kUploadNever);
  const Loaded ours = loaded(request, kUploadAlways);
  EXPECT_EQ(engines.counts.weights, 0U);
  EXPECT_GT(ours.counts.weights, 0U) << "nothing went our way, so nothing is compared";
  EXPECT_GT(ours.counts.from_file, Bytes{});
  EXPECT_EQ(engines.lines, ours.lines);
  ASSERT_EQ(engines.logits.size(), ours.logits.size());
  EXPECT_EQ(std::memcmp(engines.logits.data(), ours.logits.data(), ours.logits.size() * sizeof(float)), 0);
}

}  // namespace plimsoll::test
