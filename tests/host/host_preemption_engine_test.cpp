// A request of a higher priority takes a slot from a running one, which goes on afterwards as if nothing had been.
#include <gtest/gtest.h>

#include <thread>

#include "host/host.hpp"
#include "host/lease_request.hpp"
#include "run/embedder.hpp"

#include "expect_error.hpp"
#include "small_fleet.hpp"

namespace plimsoll::host {
namespace {

using namespace std::chrono_literals;
using plimsoll::test::expect_error;
using test::alone;
using test::fleet_of;
using test::SmallHost;

constexpr std::int32_t kTokens = 24;

// A request that may be asked to give way, and does.
class Meek {
 public:
  explicit Meek(SmallHost& small, const std::string& prompt = "Day 12.")
      : conversation_(small.host.new_conversation("a")), lease_(small.host.acquire("a", how(conversation_))) {
    run::GenerationParams params{.prompt = tokens_of(prompt), .predict = kTokens, .sampling = {.temperature = 0}};
    params.ignore_end_of_generation = true;
    params.read_ahead = 0;
    generation_.emplace(lease_.conversation(), params);
  }
  // To its end, or until it is asked to give way.
  void read() {
    while (!is_asked_to_go()) {
      auto piece = generation_->next();
      if (!piece) return;
      text_ += *piece;
    }
  }
  void read_one() { text_ += generation_->next().value(); }
  [[nodiscard]] bool is_asked_to_go() const { return source_.stop_requested(); }
  void give_way(std::function<void()> tell = {}, std::stop_token stop = {}) {
    generation_->pause();
    for (auto piece = generation_->poll(); piece && !piece->empty(); piece = generation_->poll()) text_ += *piece;
    AcquireOptions options = how({});
    options.stop = std::move(stop);
    lease_.give_way(std::move(options), {.tell = std::move(tell), .step = 1ms});
    generation_->go_on();
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] Lease& lease() { return lease_; }

 private:
  AcquireOptions how(std::optional<ConversationId> conversation) {
    source_ = std::stop_source();
    return {.conversation = conversation, .claim = {.tenant = "x"}, .give_way = source_};
  }
  [[nodiscard]] std::vector<engine::Token> tokens_of(const std::string& text) {
    return lease_.instance().model()->vocab().tokenize(text, true, true);
  }

  std::stop_source source_;
  ConversationId conversation_;
  Lease lease_;
  std::optional<run::Generation> generation_;
  std::string text_;
};

const AcquireOptions kUrgent{.claim = {.tenant = "y", .priority = 1}};

TEST(HostPreemptionTest, TheTextIsTheSameToTheLetter) {
  const Fleet fleet = fleet_of("a", 1);
  const std::string expected = alone(fleet.models[0].request, "Day 12.", kTokens);
  SmallHost small(fleet, {.time_slice = 0ms});
  Meek meek(small);
  for (int i = 0; i < 5; ++i) meek.read_one();
  for (int round = 0; round < 3; ++round) {
    LeaseRequest urgent(small.host, "a", kUrgent);
    meek.read();
    ASSERT_TRUE(meek.is_asked_to_go());
    bool was_served = false;
    const auto serve = [&] {
      if (std::exchange(was_served, true)) return;
      Lease lease = urgent.take();
      lease.conversation().prompt("Day 3.");
      EXPECT_EQ(lease.conversation().infer(), engine::DecodeStatus::ok);
    };
    meek.give_way(serve);
    EXPECT_TRUE(was_served) << "who is urgent comes first";
    meek.read_one();
  }
  meek.read();
  EXPECT_EQ(meek.text(), expected);
  EXPECT_EQ(small.status("a").leases, 1U);
}

TEST(HostPreemptionTest, ATimeSliceIsLeftToEverybody) {
  SmallHost small(fleet_of("a", 1), {.time_slice = 1h});
  Meek meek(small);
  LeaseRequest urgent(small.host, "a", kUrgent);
  meek.read();
  EXPECT_FALSE(meek.is_asked_to_go());
  EXPECT_FALSE(urgent.wait_for(0ms));
}

TEST(HostPreemptionTest, WhoIsStoppedWhileItWaitsLeavesNothingBehind) {
  SmallHost small(fleet_of("a", 1), {.time_slice = 0ms});
  std::optional<Lease> urgent;
  {
    Meek meek(small);
    LeaseRequest asked(small.host, "a", kUrgent);
    meek.read();
    ASSERT_TRUE(meek.is_asked_to_go());
    std::stop_source stop;
    const auto leave = [&] {
      if (!urgent) urgent.emplace(asked.take());
      stop.request_stop();
    };
    expect_error(ErrorCode::cancelled, "cancelled", [&] { meek.give_way(leave, stop.get_token()); });
    EXPECT_FALSE(meek.lease().has_slot());
  }
  urgent.reset();
  EXPECT_EQ(small.status("a").leases, 0U);
  EXPECT_EQ(small.status("a").waiting, 0U);
  EXPECT_FALSE(small.ask("a").empty());
}

TEST(HostPreemptionTest, WithoutAConversationThatLastsNobodyGivesWay) {
  SmallHost small(fleet_of("a", 1));
  Lease lease = small.host.acquire("a");
  expect_error(ErrorCode::usage, "no conversation that lasts", [&] { lease.give_way({}); });
  EXPECT_TRUE(lease.has_slot());
}

// Between two batches of texts; what has been computed stays.
TEST(HostPreemptionTest, ARequestForVectorsGivesWayBetweenItsBatches) {
  Fleet fleet = fleet_of("a", 1);
  run::plan_for_embeddings(fleet.models[0].request.dry_run, engine::Pooling::mean);
  SmallHost small(fleet, {.time_slice = 0ms});
  std::stop_source asked;
  Lease lease = small.host.acquire("a", {.claim = {.tenant = "x"}, .give_way = asked});
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) texts.push_back("Day " + std::to_string(i) + ". Wind north, all hands on deck.");
  const auto undisturbed = run::Embedder(lease.instance()).embed(texts);
  LeaseRequest urgent(small.host, "a", kUrgent);
  bool was_served = false;
  run::EmbedParams params;
  params.between_batches = [&] {
    if (was_served || !asked.stop_requested()) return;
    lease.give_way({.claim = {.tenant = "x"}}, {.tell =
                                                    [&] {
                                                      if (std::exchange(was_served, true)) return;
                                                      Lease other = urgent.take();
                                                      (void)run::Embedder(other.instance()).embed(texts[0]);
                                                    },
                                                .step = 1ms});
  };
  const auto vectors = run::Embedder(lease.instance()).embed(texts, params);
  EXPECT_TRUE(was_served);
  ASSERT_EQ(vectors.size(), undisturbed.size());
  for (std::size_t i = 0; i < vectors.size(); ++i) EXPECT_EQ(vectors[i].values, undisturbed[i].values) << i;
}

TEST(LeaseRequestTest, WaitsInStepsAndKeepsItsPlace) {
  SmallHost small(fleet_of("a", 1));
  std::optional<Lease> held(small.host.acquire("a"));
  LeaseRequest first(small.host, "a", {});
  LeaseRequest second(small.host, "a", {});
  EXPECT_FALSE(first.wait_for(1ms));
  EXPECT_FALSE(second.wait_for(1ms));
  held.reset();
  EXPECT_TRUE(first.wait_for(10s));
  EXPECT_FALSE(second.wait_for(1ms));
  (void)first.take();
  EXPECT_TRUE(second.wait_for(10s));
}

TEST(LeaseRequestTest, OneThatIsNotTakenIsGivenBack) {
  SmallHost small(fleet_of("a", 1));
  {
    LeaseRequest granted(small.host, "a", {});
    ASSERT_TRUE(granted.wait_for(std::chrono::minutes(2)));
    LeaseRequest waiting(small.host, "a", {});
  }
  EXPECT_EQ(small.status("a").leases, 0U);
  EXPECT_EQ(small.status("a").waiting, 0U);
}

}  // namespace
}  // namespace plimsoll::host
