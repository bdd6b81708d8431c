// What goes between a host and the process of a model comes out as it went in.
#include <gtest/gtest.h>

#include <capnp/message.h>

#include "worker/messages.hpp"
#include "worker/rpc_errors.hpp"

#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::worker {
namespace {

using test::expect_error;

TEST(MessagesTest, ARequestToOpenComesBack) {
  const plan::Plan plan = test::plan_of(test::demo_request("mate-chat", 2));
  OpenRequest request{.plan = plan.models.front(), .devices = plan.devices, .warm_up = run::WarmUpDepth::quick};
  request.compute_buffers.push_back(
      {.tag = {.device = device::host(), .owner = "group:main", .stage = memory::Stage::compute, .buffer = "CPU"},
       .bytes = Bytes{4096}});
  const OpenRequest back = open_request_from(to_text(request));
  EXPECT_EQ(back.plan, request.plan);
  EXPECT_EQ(back.warm_up, request.warm_up);
  ASSERT_EQ(back.devices.size(), request.devices.size());
  for (std::size_t i = 0; i < back.devices.size(); ++i)
    EXPECT_EQ(back.devices[i].state.info, request.devices[i].state.info);
  ASSERT_EQ(back.compute_buffers.size(), 1U);
  EXPECT_EQ(back.compute_buffers.front().tag, request.compute_buffers.front().tag);
}

TEST(MessagesTest, WhatBecameOfItComesBack) {
  Opened opened{.fingerprint = "f", .process = Bytes{77}, .load_ms = 1.5, .warm_up_ms = 2.5};
  memory::Entry& entry = opened.held.emplace_back();
  entry.tag = {.device = device::host(), .owner = "m", .stage = memory::Stage::kv_cache, .buffer = "CPU"};
  entry.planned = Bytes{10};
  entry.taken.current = Bytes{8};
  opened.held_by_group.push_back(entry);
  opened.held_by_group.back().charged = false;
  const Opened back = opened_from(to_text(opened));
  EXPECT_EQ(back.held, opened.held);
  EXPECT_EQ(back.held_by_group, opened.held_by_group);
  EXPECT_EQ(back.process, opened.process);
  EXPECT_EQ(back.fingerprint, "f");
  EXPECT_EQ(back.load_ms, 1.5);
}

TEST(MessagesTest, ASnapshotsHeaderComesBack) {
  run::SequenceSnapshot snapshot;
  snapshot.fingerprint = "f";
  snapshot.tokens = {1, 2, 3};
  snapshot.positions = {0, 1, 2};
  snapshot.decoded = 2;
  snapshot.adapter_scales = {0.5F};
  snapshot.spans.push_back({.first = 1, .count = 1, .next = 2});
  const run::SequenceSnapshot back = snapshot_from(header_of(snapshot));
  EXPECT_EQ(back.tokens, snapshot.tokens);
  EXPECT_EQ(back.positions, snapshot.positions);
  EXPECT_EQ(back.decoded, 2U);
  EXPECT_EQ(back.adapter_scales, snapshot.adapter_scales);
  EXPECT_EQ(back.spans, snapshot.spans);
}

TEST(MessagesTest, ParametersOfAGenerationComeBack) {
  run::GenerationParams params{.predict = 12, .sampling = {.seed = 7, .mirostat = 2}};
  params.stop_strings = {"\n", "éé", "\xE2\x80", std::string("a\0b", 3)};
  params.keep_stop_string = true;
  params.overflow.strategy = run::ContextOverflow::stop;
  params.answer_so_far = {.tokens = 3, .averages = {9.25F}};
  params.likeliest = 4;
  params.likeliest_after_sampling = true;
  params.prompt_likeliest = 5;
  params.prompt_decoded = [] {};
  const GenerationRequest back = generation_request_from(to_text(params));
  EXPECT_EQ(back.params.predict, 12);
  EXPECT_EQ(back.params.sampling, params.sampling);
  EXPECT_EQ(back.params.stop_strings, params.stop_strings);
  EXPECT_TRUE(back.params.keep_stop_string);
  EXPECT_EQ(back.params.overflow.strategy, run::ContextOverflow::stop);
  EXPECT_EQ(back.params.answer_so_far.tokens, 3U);
  EXPECT_EQ(back.params.answer_so_far.averages, params.answer_so_far.averages);
  EXPECT_EQ(back.params.likeliest, 4U);
  EXPECT_TRUE(back.params.likeliest_after_sampling);
  EXPECT_EQ(back.params.prompt_likeliest, 5U);
  EXPECT_TRUE(back.tells_prompt_decoded);
  EXPECT_FALSE(back.tells_progress);
  params.sampling.thought_end = "\xFF";  // no text, and no failure
  EXPECT_NO_THROW((void)generation_request_from(to_text(params)));
  params.on_token = [](engine::Token, std::span<const float>) {};
  expect_error(ErrorCode::unsupported, "reads logits", [&] { (void)to_text(params); });
}

TEST(MessagesTest, AnOutputComesBack) {
  run::GenerationOutput output{.tokens = {5, 6}, .averages = {1.5F}, .text = "a\xC3\xA9"};
  output.opinions.push_back({.chosen = {.token = 5, .logit = 2, .probability = 0.5F},
                             .likeliest = {{.token = 6, .logit = 3, .probability = 0.25F}}});
  output.opinions.push_back({});
  output.prompt_opinions = output.opinions;
  output.reason = run::FinishReason::stop_string;
  output.speculation = {.proposed = 8, .accepted = 3};
  capnp::MallocMessageBuilder message;
  write(message.initRoot<rpc::Output>(), output, "stop");
  const ReadOutput back = read(message.getRoot<rpc::Output>().asReader());
  EXPECT_EQ(back.output.tokens, output.tokens);
  EXPECT_EQ(back.output.averages, output.averages);
  EXPECT_EQ(back.output.text, output.text);
  EXPECT_EQ(back.output.reason, output.reason);
  EXPECT_EQ(back.output.opinions.front().likeliest, output.opinions.front().likeliest);
  ASSERT_EQ(back.output.prompt_opinions.size(), 2U);
  EXPECT_EQ(back.output.prompt_opinions.front().chosen, output.opinions.front().chosen);
  EXPECT_EQ(back.output.prompt_opinions.front().likeliest, output.opinions.front().likeliest);
  EXPECT_EQ(back.output.speculation, output.speculation);
  EXPECT_EQ(back.stop_string, "stop");
}

TEST(MessagesTest, AnErrorComesBackAsWhatItWas) {
  const Error error(ErrorCode::context_overflow, "too long", {{"needed", 5}, {"available", 3}});
  expect_error(ErrorCode::context_overflow, "too long", [&] { throw_from_rpc(to_rpc(error)); });
  EXPECT_EQ(error_from(text_of(error)), error);
  EXPECT_THROW(throw_from_rpc(kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__)), WorkerGone);
}

}  // namespace
}  // namespace plimsoll::worker
