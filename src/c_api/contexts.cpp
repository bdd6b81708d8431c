#include "call.hpp"
#include "defaults.hpp"
#include "model_options.hpp"
#include "objects.hpp"
#include "plan_object.hpp"

using namespace plimsoll::c_api;

namespace {

// Weights and projector are the first model's: what is said of them here would be left out without a word.
void require_of_a_context(const plimsoll::ModelOptions& how) {
  const plimsoll::ModelOptions unsaid = asked_model("the model's own", nullptr).options;
  if (how.model != unsaid.model || how.projector != unsaid.projector)
    throw plimsoll::Error(plimsoll::ErrorCode::usage,
                          "the settings of a further context are those of a context; one of these is of the model's "
                          "weights or its projector, which it has already");
}

// The parameters of a context are the same as of a model's own: read in one way.
template <class Do>
auto with_context(const plimsoll_context_options* options, Do&& act) {
  const plimsoll_context_options given = known(options);
  require_reserved(given.reserved, "plimsoll_context_options");
  plimsoll_model_options like = Defaults<plimsoll_model_options>::value();
  like.warm_up = given.warm_up;
  like.n_ctx = given.n_ctx;
  like.n_seq_max = given.n_seq_max;
  like.n_threads = given.n_threads;
  like.name = given.name;
  like.settings = given.settings;
  like.stop = given.stop;
  AskedModel asked = asked_model("the model's own", &like);
  return asked.with([&](const std::string&, const plimsoll::ModelOptions& how) {
    require_of_a_context(how);
    return act(
        plimsoll::ContextOptions{.name = how.name, .context = how.context, .warm_up = how.warm_up, .stop = how.stop});
  });
}

}  // namespace

extern "C" {

plimsoll_error* plimsoll_context_options_init(plimsoll_context_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_model_open_context(plimsoll_model* model, const plimsoll_context_options* options,
                                            plimsoll_model** context) {
  return emptying_call([&] {
    *place_of(context, "context") = nullptr;
    require_no_quiet_callback();
    const auto object = found(model);
    *context = handle_of(std::make_shared<plimsoll_model>(
        with_context(options, [&](const plimsoll::ContextOptions& how) { return object->model.open_context(how); })));
  });
}

plimsoll_error* plimsoll_model_plan_context(plimsoll_model* model, const plimsoll_context_options* options,
                                            plimsoll_plan** plan) {
  return emptying_call([&] {
    *place_of(plan, "plan") = nullptr;
    require_no_quiet_callback();
    const auto object = found(model);
    *plan = handle_of(plan_object(
        with_context(options, [&](const plimsoll::ContextOptions& how) { return object->model.plan_context(how); })));
  });
}

}  // extern "C"
