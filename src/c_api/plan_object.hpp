// plan_object: a plan as a handle has it.
#pragma once
#include <memory>

#include "objects.hpp"

namespace plimsoll::c_api {

[[nodiscard]] std::shared_ptr<plimsoll_plan> plan_object(Plan plan);

}  // namespace plimsoll::c_api
