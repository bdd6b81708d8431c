// opening: from a path and options to a plan, and from a plan to a reservation.
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include <plimsoll/model.hpp>
#include "memory/owner.hpp"
#include "plan/plan.hpp"
#include "run/speculative.hpp"
#include "runtime_state.hpp"

namespace plimsoll::library {

// What is asked for, without a name as yet.
[[nodiscard]] plan::Request request_of(const std::filesystem::path& path, const ModelOptions& options);
[[nodiscard]] run::SpeculationParams speculation_of(const DraftOptions& options);

struct Planned {
  std::vector<memory::Owner> owners;  // of the models of the plan: the model, its draft where it has one, its contexts
  plan::Plan plan;
};
// Claims the names and plans under them; a plan that does not fit is an answer. To be opened: where only other
// processes are in the way, they are asked to let idle models go first.
enum class Purpose { to_be_told, to_be_opened };
[[nodiscard]] Planned planned(Runtime::State& runtime, plan::Request request, const ModelOptions& options,
                              std::span<const ContextOptions> contexts = {}, Purpose purpose = Purpose::to_be_told);
// The same for a further context of a model that is open.
[[nodiscard]] Planned planned(const Model::State& model, const ContextOptions& context);

// The refusal of a plan that does not fit, with what would fit instead: a caller has no other place to see it.
[[nodiscard]] Error refusal_of(const plan::Plan& plan);

// Permission for all of it. Throws the refusal of a plan that does not fit, with its alternatives.
[[nodiscard]] std::shared_ptr<Model::State> reserved(std::shared_ptr<Runtime::State> runtime, Planned planned,
                                                     const ModelOptions& options);
// The model of that plan and the contexts behind it.
[[nodiscard]] std::vector<std::shared_ptr<Model::State>> reserved(std::shared_ptr<Runtime::State> runtime,
                                                                  Planned planned, const ModelOptions& options,
                                                                  std::span<const ContextOptions> contexts);
// A further context of a model that is open.
[[nodiscard]] std::shared_ptr<Model::State> reserved(std::shared_ptr<Model::State> model, Planned planned,
                                                     const ContextOptions& context);
// All stages, without an executor: for embeddings and ranking.
[[nodiscard]] std::shared_ptr<Model::State> opened(std::shared_ptr<Runtime::State> runtime, plan::Request request,
                                                   const ModelOptions& options);

}  // namespace plimsoll::library
