// Samples written by hand: an 8 GiB card with a budget, and the host, with two models that share a compute group's
// compute buffers.
#pragma once
#include <map>

#include "host/model_times.hpp"
#include "monitor/take_sample.hpp"

namespace plimsoll::monitor::test {

inline const device::DeviceId kGpu{"Vulkan0"};

inline ObservedDevice gpu(std::optional<Bytes> free, std::optional<Bytes> process = std::nullopt) {
  ObservedDevice out;
  out.info = {.id = kGpu, .type = device::DeviceType::gpu, .backend = "Vulkan", .description = "A card", .pci_id = {}};
  out.reading = device::MemoryReading{.total = 8_GiB, .free = free, .used_by_us = process, .source = "scripted"};
  out.account = {.budget = 7_GiB, .reserved = 3_GiB, .taken = 2_GiB, .committed = 3_GiB};
  return out;
}

// A host that no probe knows, without a budget.
inline ObservedDevice unknown_host() {
  ObservedDevice out;
  out.info = {.id = device::host(), .backend = "CPU", .description = "A host", .pci_id = {}, .memory_is_hosts = true};
  out.account = {.budget = {}, .reserved = 8_MiB, .taken = 4_MiB, .committed = 8_MiB};
  return out;
}

inline memory::Entry entry(const std::string& owner, memory::Stage stage, const std::string& buffer, Bytes planned,
                           Bytes taken, bool charged = true, device::DeviceId device = kGpu) {
  return {.tag = {.device = std::move(device), .owner = owner, .stage = stage, .buffer = buffer},
          .planned = planned,
          .taken = {.current = taken, .peak = taken, .total = taken},
          .allocations = 1,
          .charged = charged};
}

inline host::ModelStatus model(const std::string& name, host::ModelState state) {
  host::ModelStatus out;
  out.name = name;
  out.compute_group = "main";
  out.state = state;
  out.slots = 2;
  out.planned = {{.device = kGpu, .buffer = "Vulkan0", .stage = memory::Stage::weights, .bytes = 1_GiB},
                 {.device = kGpu, .buffer = "Vulkan0", .stage = memory::Stage::kv_cache, .bytes = 512_MiB},
                 {.device = device::host(), .buffer = "CPU_Mapped", .bytes = 96_MiB, .charged = false}};
  return out;
}

inline Observed observed() {
  using memory::Stage;
  Observed out;
  out.at = Clock::TimePoint(std::chrono::seconds(1'790'000'000));
  out.devices = {gpu(5_GiB), unknown_host()};
  host::ModelStatus chat = model("chat", host::ModelState::ready);
  chat.pinned = true;
  chat.leases = 1;
  chat.waiting = 3;
  chat.loads = 2;
  chat.total_load_ms = 1500;
  chat.tokens = 12'345;
  chat.generated = 2'345;
  chat.first_tokens = 4;
  chat.total_first_token_ms = 500;
  chat.cells = 8'192;
  chat.cells_used = 512;
  host::ModelStatus sea = model("sea \"log\"\\", host::ModelState::swapped);
  sea.evictions = 1;
  sea.refusals = 4;
  sea.load_failures = 1;
  out.status = {.models = {chat, sea},
                .waiting = 3,
                .swapped_conversations = 2,
                .swapped_to_memory = 1_MiB,
                .swapped_to_disk = 5_MiB,
                .kept_weights = 96_MiB,
                .events_dropped = 7,
                .reloads = {.applied = 2,
                            .refused = 1,
                            .last_was_applied = false,
                            .last_applied = out.at - std::chrono::milliseconds(59'750)}};
  out.entries = {entry("backends", Stage::runtime, "", Bytes{}, 400_MiB),
                 entry("chat", Stage::weights, "Vulkan0", 1_GiB, 1_GiB),
                 entry("chat", Stage::kv_cache, "Vulkan0", 512_MiB, 512_MiB),
                 entry("chat", Stage::weights, "CPU_Mapped", Bytes{}, 96_MiB, false, device::host()),
                 entry("chat", Stage::output, "Vulkan_Host", 1_MiB, 1_MiB, true, device::host()),
                 entry("chat", Stage::output, "CPU", 1_MiB, 2_MiB, true, device::host()),
                 entry("group:main", Stage::compute, "Vulkan0", 64_MiB, 64_MiB),
                 entry("swap", Stage::conversations, "", Bytes{}, 1_MiB, true, device::host())};
  out.seals = {{"chat", {.allocations_after_seal = 1}}};
  return out;
}

// Of the same two models: exact in binary, so that their sums are written without a rest.
inline std::map<std::string, host::ModelTimes> times() {
  host::ModelTimes chat;
  for (const double seconds : {0.0, 0.0, 0.5, 90.0}) chat.queue.add(seconds);
  for (const double seconds : {0.125, 0.125, 0.25, 0.0}) chat.first_token.add(seconds);
  for (const double seconds : {0.5, 1.0}) chat.load.add(seconds);
  for (const double seconds : {0.375, 0.0}) chat.warm_up.add(seconds);
  host::ModelTimes sea;
  sea.eviction.add(0.0625);
  return {{"chat", chat}, {"sea \"log\"\\", sea}};
}

}  // namespace plimsoll::monitor::test
