// Sequences of a model in another process that share a cache: this one decides whose memory goes.
#include <gtest/gtest.h>

#include <csignal>

#include "remote_model_fixture.hpp"

namespace plimsoll::worker {
namespace {

// Two sequences share 256 cells, and one that nobody uses any more has most of them.
class SharedCacheTest : public RemoteModelTest {
 protected:
  void open_shared() {
    plan::Request request = test::demo_request("mate-chat", 2);
    request.dry_run.context.n_ctx = 256;
    request.dry_run.context.kv_unified = true;
    lone.emplace(open_request(request), worker_options());
    idle.emplace(lone->model.create());
    GenerationParams asked = params({.temperature = 0}, "Day 3.");
    asked.prompt.resize(150, tokens(" sea").back());
    asked.predict = 1;
    Generation generation(*idle, asked);
    (void)stream(generation);
  }
  Generation long_one() {
    GenerationParams asked = params();
    asked.prompt.resize(150, tokens(" wind").back());
    return Generation(lone->model.create(), asked);
  }
  std::optional<Conversation> idle;
};

TEST_F(SharedCacheTest, AFullOneAsksTheHostForRoom) {
  open_shared();
  std::size_t asked = 0;
  run::SequenceSnapshot saved;
  lone->model.on_full_cache([&] {
    ++asked;
    if (!idle) return false;
    saved = idle->save();
    idle.reset();
    return true;
  });
  Generation generation = long_one();
  (void)stream(generation);
  EXPECT_EQ(generation.tokens().size(), 60U);
  EXPECT_EQ(asked, 1U);
  EXPECT_EQ(saved.decoded, 151U) << "prompt and answer";
  EXPECT_GT(saved.memory.size(), 0U);
}

TEST_F(SharedCacheTest, WhereTheHostHasNoneToGiveItIsToldSo) {
  open_shared();
  std::size_t asked = 0;
  lone->model.on_full_cache([&] {
    ++asked;
    return false;
  });
  Generation generation = long_one();
  test::expect_error(ErrorCode::busy, "", [&] { (void)stream(generation); });
  EXPECT_GT(asked, 0U);
}

TEST_F(SharedCacheTest, AnAnswerGoesOnInANewProcessWithItsShareOfTheCache) {
  open_shared();
  lone->model.on_full_cache([&] {
    const bool was_there = idle.has_value();
    idle.reset();
    return was_there;
  });
  Generation generation = long_one();
  std::string text = generation.next().value();
  kill(lone->process.pid(), SIGKILL);
  while (auto piece = generation.next()) text += *piece;
  EXPECT_EQ(generation.tokens().size(), 60U);
}

}  // namespace
}  // namespace plimsoll::worker
