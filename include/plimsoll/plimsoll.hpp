// All that a program needs to open a model and generate text with it. Parts can be included one by one as well.
#pragma once
#include <plimsoll/base/error.hpp>
#include <plimsoll/base/version.hpp>
#include "plan/plan_table.hpp"
#include "plan/planner.hpp"
#include "run/chat_session.hpp"
#include "run/embedder.hpp"
#include "run/generation.hpp"
#include "run/instruct_executor.hpp"
#include "run/interactive_executor.hpp"
#include "run/keyword_filter.hpp"
#include "run/open.hpp"
#include "run/reranker.hpp"
#include "run/speculative.hpp"
#include "run/state_archive.hpp"
#include "run/stateless_executor.hpp"
