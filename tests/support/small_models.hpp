// The engine's own small test models, planned and opened with few words.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "run/open.hpp"

namespace plimsoll::test {

// One of arch_models.hpp with a small context on the device ("CPU" means no accelerator), cheap enough for a software
// GPU.
[[nodiscard]] plan::Request small_request(const std::string& model, const std::string& device,
                                          std::uint32_t sequences = 1);

// "mate-chat", "bosun-log": the models that come with the program, with a vocabulary; the first with a chat template.
[[nodiscard]] plan::Request demo_request(const std::string& model, std::uint32_t sequences = 1);

// Plans in this process, remembering nothing.
[[nodiscard]] plan::Plan plan_of(const plan::Request& request, const plan::PlannerOptions& options = {});

// Plan and reservation; the stages are the caller's.
[[nodiscard]] std::unique_ptr<run::Instance> reserve(run::MemoryAccounting& accounting, const plan::Plan& plan);

// All stages, with a quick warm-up; with a number behind its name where another instance has it.
[[nodiscard]] std::unique_ptr<run::Instance> ready(run::MemoryAccounting& accounting, const plan::Request& request);

// Promise P1 of an instance that has its context: its plan and its accounting are the same, line by line. The runtime
// entry is not looked at: it is measured later.
void expect_holds_what_is_planned(const run::Instance& instance);

// RssAnon + RssShmem of this process.
[[nodiscard]] Bytes process_memory();

}  // namespace plimsoll::test
