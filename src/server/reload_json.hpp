// reload_json: a reload's report for clients.
#pragma once
#include "api/json_text.hpp"
#include "api/problem.hpp"
#include "host/reload_report.hpp"

namespace plimsoll::server {

// "plimsoll.reload/1"
[[nodiscard]] api::Json to_json(const host::ReloadReport& report);

// 422, in the words of the first reason, with the report.
[[nodiscard]] api::Problem refused_reload(const host::ReloadReport& report);

}  // namespace plimsoll::server
