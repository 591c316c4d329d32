#include "gateway/http_pages.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr const char* kIndex =
    "Sluice\n"
    "\n"
    "/metrics                   for Prometheus\n"
    "/healthz                   200 while the daemon answers\n"
    "/readyz                    200 while it can take events in, an uplink that is down or not; what is not well\n"
    "/api/v1/status             how it is doing, as JSON\n"
    "/api/v1/rules              the same of each rule for alerts, and the value it saw last; from here on with the token\n"
    "/api/v1/dead-letters/list  what sinks have refused\n"
    "/api/v1/...                the other commands\n";
constexpr std::string_view kApi = "/api/v1/";

HttpPages::Plan Reply(HttpReply reply) {
  HttpPages::Plan plan;
  plan.reply = std::move(reply);
  return plan;
}

HttpReply WrongMethod(const std::string& allowed) {
  HttpReply reply = ErrorReply(405, "this is for " + allowed + " only");
  reply.allow = allowed;
  return reply;
}

Json ValueOf(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  return value.is_number() || value.is_boolean() || value.is_string() ? value : Json(text);
}

Json ObjectOf(const HttpRequest& request) {
  Json object = Json::object();
  for (const auto& [name, text] : request.query) {
    Json& value = object[name];
    if (value.is_array()) {
      value.push_back(ValueOf(text));
    } else {
      value = value.is_null() ? ValueOf(text) : Json{value, ValueOf(text)};
    }
  }
  return object;
}

// The object that the command is given; discarded: the request has none.
Json ParametersOf(const HttpRequest& request) {
  if (request.method == "GET" || request.body.empty()) return ObjectOf(request);
  return Json::parse(request.body, nullptr, false);
}

}  // namespace

HttpPages::Plan HttpPages::Find(const HttpRequest& request, const HttpGuard& guard, ControlAnswer& answer) const {
  if (auto refusal = guard.CheckHost(request)) return Reply(std::move(*refusal));
  const std::string& path = request.path;
  if (path.starts_with(kApi)) {
    std::string command = path.substr(kApi.size());
    std::replace(command.begin(), command.end(), '/', '.');
    return FindCommand(command, request, guard, answer);
  }
  const HttpPage* page = path == "/metrics" ? &parts_.metrics : path == "/readyz" ? &parts_.readiness : nullptr;
  if (page == nullptr && path != "/" && path != "/healthz") return Reply(ErrorReply(404, "there is no such page"));
  if (request.method != "GET" && request.method != "HEAD") return Reply(WrongMethod("GET, HEAD"));
  if (page == nullptr) return Reply({.body = path == "/" ? kIndex : "ok\n"});
  Plan plan;
  plan.page = *page;
  return plan;
}

HttpPages::Plan HttpPages::FindCommand(const std::string& command, const HttpRequest& request, const HttpGuard& guard,
                                       ControlAnswer& answer) const {
  const std::optional<CommandKind> kind = parts_.commands.KindOf(command);
  if (!kind) return Reply(ErrorReply(404, "there is no such command"));
  const bool changes = *kind == CommandKind::kChange;
  const bool is_known = request.method == "POST" || (request.method == "GET" && !changes);
  if (!is_known) return Reply(WrongMethod(changes ? "POST" : "GET, POST"));
  if (changes || *kind == CommandKind::kEvents) {
    if (auto refusal = guard.CheckToken(request)) return Reply(std::move(*refusal));
  }
  if (const std::string why = parts_.why_not(); !why.empty()) return Reply(ErrorReply(503, why));
  Json parameters = ParametersOf(request);
  if (!parameters.is_object()) return Reply(ErrorReply(400, "the body of a request is a JSON object, or empty"));
  parameters["command"] = command;
  Result<std::unique_ptr<ControlTask>> task = parts_.commands.Make(parameters, answer);
  if (!task) return Reply(ErrorReply(400, task.error().message));
  Plan plan;
  plan.task = std::move(*task);
  plan.is_stream = *kind != CommandKind::kDocument;
  plan.shows_events = *kind == CommandKind::kEvents;
  return plan;
}

}  // namespace sluice
